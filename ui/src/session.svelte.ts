// Who is signed in, and what proves that this page asked.
import type { components } from "./api/schema";

export type Session = components["schemas"]["SessionView"];
type Role = Session["roles"][number];

let known = $state.raw<Session | null>(null);
let asking: Promise<Session> | null = null;

export const session = {
  /** null until it was read. */
  get now(): Session | null {
    return known;
  },
  is(...roles: Role[]): boolean {
    return known?.roles.some((role) => roles.includes(role)) ?? false;
  },
  /** Analysts and data scientists have recordings; others administer. */
  get works(): boolean {
    return session.is("analyst", "data_scientist");
  },
  get administers(): boolean {
    return session.is("administrator", "auditor");
  },
};

export function readSession(): Promise<Session> {
  asking ??= fetch("/api/v1/session", { credentials: "same-origin" })
    .then((answer) => answer.json() as Promise<Session>)
    .then((found) => (known = found))
    .finally(() => (asking = null));
  return asking;
}

export const csrf = async (): Promise<string | null | undefined> => (known ?? (await readSession())).csrf;

export function leaveToSignIn(): void {
  const next = location.pathname + location.search + location.hash;
  if (location.pathname !== "/signin") location.assign(`/signin?${new URLSearchParams({ next })}`);
}
