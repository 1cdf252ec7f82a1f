// What can be downloaded of a recording, and the choice that was made last. Pure but for what the browser keeps.
export const FORMS = {
  transcript: ["docx", "pdf", "txt", "srt", "vtt", "json"],
  translation: ["docx", "pdf", "txt", "srt", "vtt", "json"],
  summary: ["docx", "pdf", "txt", "md", "json"],
} as const;
export type Part = keyof typeof FORMS;

/** `variant`: the language of a translation, the template of a summary. */
export interface Choice {
  part: Part;
  variant: string;
  form: string;
}

const KEPT = "echo.export";
const FIRST: Choice = { part: "transcript", variant: "", form: "docx" };
const DIRS: Record<Part, string> = { transcript: "transcript", translation: "translations", summary: "summaries" };

export function addressOf(recording: string, { part, variant, form }: Choice): string {
  const what = variant ? `${DIRS[part]}/${encodeURIComponent(variant)}` : DIRS[part];
  return `/api/v1/recordings/${recording}/${what}${form === "json" ? "" : `.${form}`}`;
}

/** "Interview.mp4" → "Interview es.srt". */
export function fileNameOf(recording: string, { part, variant, form }: Choice): string {
  const stem = recording.replace(/\.[^.]{1,5}$/, "") || recording;
  return `${stem} ${part === "transcript" ? "transcript" : variant}.${form}`;
}

export function lastChoice(): Choice {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT) ?? "null") as Choice | null;
    return kept && (FORMS[kept.part] as readonly string[] | undefined)?.includes(kept.form) ? kept : FIRST;
  } catch {
    return FIRST;
  }
}
export const keepChoice = (choice: Choice): void => localStorage.setItem(KEPT, JSON.stringify(choice));
