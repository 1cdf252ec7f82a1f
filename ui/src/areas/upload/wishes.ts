// What is wished of a recording, as the server takes it beside a file.
import type { Schemas } from "../../api/client";

export type Options = Schemas["TranscribeOptions"];

/** As fields of an upload: texts, lists with commas. What was not said is left out. */
export function metadataOf(options: Options, team: string | null, isVideo: boolean): Record<string, string> {
  const { summary_instruction: instruction, ocr, ...rest } = options;
  const wanted = { ...rest, ocr: isVideo && ocr, team, ...(options.summary === "free" && { summary_instruction: instruction }) };
  const said = Object.entries(wanted).filter(([, value]) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length));
  return Object.fromEntries(said.map(([name, value]) => [name, Array.isArray(value) ? value.join(",") : String(value)]));
}
