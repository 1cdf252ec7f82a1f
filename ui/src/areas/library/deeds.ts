// What is done to recordings of the library; all but one can be taken back.
import { api, ok } from "../../api/client";
import { t } from "../../messages";
import { complain, later, tell } from "../../parts/toasts.svelte";
import { gone, type Entry, type Folder, type Shelf } from "./shelf.svelte";

const named = (entries: Entry[]) => ({ n: entries.length, name: entries[0]?.name ?? "" });

/** Shown as deleted at once; the server is told when nobody took it back. */
export function remove(entries: Entry[]): void {
  const ids = entries.map((one) => one.id);
  const act = () => Promise.all(ids.map((recording) => ok(api.DELETE("/api/v1/recordings/{recording}", { params: { path: { recording } }, keepalive: true }))));
  ids.forEach((id) => gone.add(id));
  later(t("library.deleted", named(entries)), act, () => ids.forEach((id) => gone.delete(id)));
}

export function removeFolder(folder: Folder, shelf: Shelf): void {
  const act = () => ok(api.DELETE("/api/v1/folders/{folder}", { params: { path: { folder: folder.id } }, keepalive: true }));
  gone.add(folder.id);
  later(t("library.folder_deleted", { name: folder.name }), () => act().then(() => shelf.readFolders()), () => gone.delete(folder.id));
}

const file = (entry: Entry, folder: string | null) =>
  ok(api.PUT("/api/v1/recordings/{recording}/folder", { params: { path: { recording: entry.id } }, body: { folder } }));

export async function move(entries: Entry[], to: string | null, shelf: Shelf): Promise<void> {
  const moved = entries.filter((one) => (one.folder ?? null) !== to);
  if (!moved.length) return;
  const name = shelf.folders.find((one) => one.id === to)?.name;
  shelf.change(moved.map((one) => one.id), { folder: to });
  try {
    await Promise.all(moved.map((one) => file(one, to)));
    const text = name ? t("library.moved", { ...named(moved), folder: name }) : t("library.moved_out", named(moved));
    tell(text, () => void back(moved, shelf));
  } catch (error) {
    complain(error);
  }
  await reread(shelf);
}

async function back(moved: Entry[], shelf: Shelf): Promise<void> {
  await Promise.all(moved.map((one) => file(one, one.folder ?? null))).catch(complain);
  await reread(shelf);
}
const reread = (shelf: Shelf) => Promise.all([shelf.refresh(), shelf.readFolders()]).catch(complain);

/** Another folder around a folder; null: the top. */
export async function nest(folder: Folder, parent: string | null, shelf: Shelf): Promise<void> {
  if (folder.id === parent || folder.parent === parent) return;
  const put = (to: string | null) => ok(api.PUT("/api/v1/folders/{folder}", { params: { path: { folder: folder.id } }, body: { name: folder.name, parent: to } }));
  try {
    await put(parent);
    tell(t("library.folder_moved", { name: folder.name }), () => void put(folder.parent).then(() => shelf.readFolders()).catch(complain));
  } catch (error) {
    complain(error);
  }
  await shelf.readFolders().catch(complain);
}

export async function tryAgain(entry: Entry, shelf: Shelf): Promise<void> {
  try {
    await ok(api.POST("/api/v1/jobs/{job}/replay", { params: { path: { job: entry.latest_job! } } }));
    await shelf.refresh();
  } catch (error) {
    complain(error);
  }
}
