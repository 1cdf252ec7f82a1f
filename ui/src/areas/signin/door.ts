// What is said at the door, before anybody is signed in; 401 is an answer here.
import { ApiError, refusal } from "../../api/client";
import { t } from "../../messages";
import type { Session } from "../../session.svelte";

export type Purpose = "first_administrator" | "password" | "sign_in";

export interface OneTime {
  token: string;
  purpose: Purpose;
}

const PURPOSES: readonly string[] = ["first_administrator", "password", "sign_in"] satisfies Purpose[];

/** The token is in the fragment, which no server and no log ever gets. */
export function oneTimeLink(hash: string): OneTime | null {
  const told = new URLSearchParams(hash.replace(/^#/, ""));
  const token = told.get("link"), purpose = told.get("purpose") ?? "";
  if (!token) return null;
  return { token, purpose: PURPOSES.includes(purpose) ? (purpose as Purpose) : "password" };
}

/** Nobody is led elsewhere: only paths of this server are followed. */
export function ownPath(path: string | null, origin = location.origin): string {
  if (!path || !path.startsWith("/") || path.startsWith("//") || /[\\\u0000-\u001f]/.test(path)) return "/";
  const address = new URL(path, origin);
  const isOwn = address.origin === origin && address.pathname !== "/signin";
  return isOwn ? address.pathname + address.search + address.hash : "/";
}

export async function knock(path: string, body: object): Promise<Session> {
  const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`/api/v1/session${path}`, options).catch(() => {
    throw new ApiError(t("common.unreachable"), 0, "unreachable");
  });
  const told: unknown = await answer.json().catch(() => undefined);
  if (!answer.ok) throw refusal(answer, told);
  return told as Session;
}
