// A conversation about a recording: server-sent events as they come in pieces, and answers with numbered citations. Pure.
export interface Told {
  name: string;
  data: string;
}

/** Events that are whole, and what is left for the next piece. */
export function eventsIn(text: string): { events: Told[]; rest: string } {
  const blocks = text.replace(/\r\n/g, "\n").split("\n\n");
  const rest = blocks.pop() ?? "";
  return { events: blocks.map(eventOf).filter((one) => one.data !== ""), rest };
}

function eventOf(block: string): Told {
  const told: Told = { name: "message", data: "" };
  for (const row of block.split("\n")) {
    if (row.startsWith("event:")) told.name = row.slice(6).trim();
    if (row.startsWith("data:")) told.data += (told.data ? "\n" : "") + row.slice(5).trimStart();
  }
  return told;
}

/** "So it was [3][4]." → its text in pieces, with the numbers where citations stand. */
export function piecesOf(text: string): (string | number)[] {
  const pieces: (string | number)[] = [];
  let at = 0;
  for (const found of text.matchAll(/\s*\[(\d+(?:\s*,\s*\d+)*)\]/g)) {
    if (found.index > at) pieces.push(text.slice(at, found.index));
    pieces.push(...found[1]!.split(",").map(Number));
    at = found.index + found[0].length;
  }
  if (at < text.length) pieces.push(text.slice(at));
  return pieces;
}
