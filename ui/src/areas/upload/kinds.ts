// What is a recording, by its type or its name; browsers know few types.
const AUDIO = /\.(aac|ac3|aif[fc]?|amr|ape|caf|flac|m4[ab]|mka|mp[23]|og[ag]|opus|spx|wav|wma|wv)$/i;
const VIDEO = /\.(avi|flv|m2ts|m4v|mkv|mov|mp4|mpe?g|mts|mxf|og[vx]|ts|vob|webm|wmv|3gp)$/i;

type Named = Pick<File, "name" | "type">;

export const isVideo = (file: Named): boolean => !file.type.startsWith("audio/") && (file.type.startsWith("video/") || VIDEO.test(file.name));
export const isMedia = (file: Named): boolean => /^(audio|video)\//.test(file.type) || AUDIO.test(file.name) || VIDEO.test(file.name);
/** For file choosers. */
export const ACCEPTED = "audio/*,video/*,.mkv,.m4a,.opus,.amr,.mts,.m2ts,.mxf,.caf,.wma,.wv,.ape,.vob";

/** Seconds, as the browser reads the file's head; null where it can't. */
export function durationOf(file: File): Promise<number | null> {
  const media = document.createElement(isVideo(file) ? "video" : "audio");
  const address = URL.createObjectURL(file);
  return new Promise<number | null>((resolve) => {
    media.preload = "metadata";
    media.onloadedmetadata = () => resolve(Number.isFinite(media.duration) ? media.duration : null);
    media.onerror = () => resolve(null);
    media.src = address;
  }).finally(() => {
    media.removeAttribute("src");
    URL.revokeObjectURL(address);
  });
}
