// What is carried from the list to the folders.
export const RECORDINGS = "application/x-echo-recordings";
export const FOLDER = "application/x-echo-folder";

export function carried(event: DragEvent): { recordings: string[]; folder: string } {
  const ids = event.dataTransfer?.getData(RECORDINGS);
  return { recordings: ids ? (JSON.parse(ids) as string[]) : [], folder: event.dataTransfer?.getData(FOLDER) ?? "" };
}
