// Folders as a tree that is shown line by line.
interface Node {
  id: string;
  parent: string | null;
}

/** Those at the top, each followed by what lies in it, with its depth. */
export function inTree<Folder extends Node>(folders: Folder[]): (Folder & { depth: number })[] {
  const under = (parent: string | null, depth: number): (Folder & { depth: number })[] =>
    folders.filter((one) => one.parent === parent).flatMap((one) => [{ ...one, depth }, ...under(one.id, depth + 1)]);
  return under(null, 0);
}

/** The ids of a folder and of all that lie in it, at any depth. */
export function within(folders: Node[], id: string): Set<string> {
  const found = new Set([id]);
  for (const one of inTree(folders)) if (one.parent !== null && found.has(one.parent)) found.add(one.id);
  return found;
}
