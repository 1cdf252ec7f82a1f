// Notifications of the browser: only for who asked for them, and only while they look at something else.
import { api, ok, type Schemas } from "../../api/client";
import type { Job } from "../../jobs";
import { t } from "../../messages";
import { go } from "../../router.svelte";
import { names } from "./names.svelte";

type Preferences = Schemas["Preferences"];
let isOn = $state(false);

const isAllowed = () => "Notification" in window && Notification.permission === "granted";
const preferences = async () => (await ok(api.GET("/api/v1/me/preferences"))) as Preferences;

export const notices = {
  get isOn(): boolean {
    return isOn;
  },
  /** What was kept matters only where this browser allows it. */
  async read(): Promise<void> {
    if (isAllowed()) isOn = (await preferences()).notify ?? false;
  },
  /** Asks the browser first; false where it refuses. */
  async turn(on: boolean): Promise<boolean> {
    if (on && (!("Notification" in window) || (await Notification.requestPermission()) !== "granted")) return false;
    await ok(api.PUT("/api/v1/me/preferences", { body: { ...(await preferences()), notify: on } }));
    isOn = on;
    return true;
  },
};

export function announce(job: Job): void {
  if (!isOn || !isAllowed() || document.visibilityState === "visible") return;
  if (job.state !== "succeeded" && job.state !== "failed") return;
  const body = t(job.state === "succeeded" ? "queue.is_done" : "queue.has_failed", { name: names.of(job.recording) || t("queue.nameless") });
  const note = new Notification("Echo", { body, tag: job.id, icon: "/assets/icon.svg" });
  note.onclick = () => {
    window.focus();
    note.close();
    go(job.recording && job.state === "succeeded" ? `/recordings/${job.recording}` : "/queue");
  };
}
