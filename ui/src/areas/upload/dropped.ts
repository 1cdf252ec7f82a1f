// Files out of what was dropped, folders with all that lies in them.

export async function filesOf(data: DataTransfer): Promise<File[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry !== null && entry !== undefined);
  if (!entries.length) return [...data.files];
  return (await Promise.all(entries.map(within))).flat();
}

async function within(entry: FileSystemEntry): Promise<File[]> {
  if (entry.name.startsWith(".")) return [];
  if (entry.isFile) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: File[] = [];
  for (;;) {
    // A reader gives a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) return found;
    found.push(...(await Promise.all(some.map(within))).flat());
  }
}

const MEDIA = /\.(aac|ac3|aif[fc]?|amr|ape|avi|caf|flac|flv|m2ts|m4[abv]|mka|mkv|mov|mp[234]|mpe?g|mts|mxf|og[agvx]|opus|spx|ts|vob|wav|webm|wm[av]|wv|3gp)$/i;

export const looksLikeMedia = (file: File): boolean => /^(audio|video)\//.test(file.type) || MEDIA.test(file.name);
