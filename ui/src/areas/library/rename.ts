// Another name for a recording, shown at once and with a way back.
import { api, ok } from "../../api/client";
import { t } from "../../messages";
import { complain, tell } from "../../parts/toasts.svelte";
import { names } from "../queue/names.svelte";

const patch = (recording: string, name: string) =>
  ok(api.PATCH("/api/v1/recordings/{recording}", { params: { path: { recording } }, body: { name } }));

/** `shown`: puts a name where it is read; what the server made of it comes last. */
export async function rename(recording: { id: string; name: string }, name: string, shown: (name: string) => void): Promise<void> {
  const { id, name: before } = recording;
  const take = (now: string) => {
    shown(now);
    names.called(id, now);
  };
  shown(name);
  try {
    const now = (await patch(id, name)).name;
    take(now);
    tell(t("library.renamed", { name: now }), () => void patch(id, before).then((found) => take(found.name), complain));
  } catch (error) {
    shown(before);
    complain(error);
  }
}
