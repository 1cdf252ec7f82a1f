// The parts of administration, in the order of the menu, and where each is loaded from.
import type { Component } from "svelte";

export type Section = { id: string; load: () => Promise<{ default: Component<any> }>; auditorsOnly?: boolean };

export const SECTIONS = [
  { id: "overview", load: () => import("./overview/Overview.svelte") },
  { id: "people", load: () => import("./people/People.svelte") },
  { id: "teams", load: () => import("./teams/Teams.svelte") },
  { id: "jobs", load: () => import("./Jobs.svelte") },
  { id: "queues", load: () => import("./Queues.svelte") },
  { id: "models", load: () => import("./Models.svelte") },
  { id: "storage", load: () => import("./Storage.svelte") },
  { id: "retention", load: () => import("./retention/Retention.svelte") },
  { id: "limits", load: () => import("./limits/Limits.svelte") },
  { id: "apps", load: () => import("./apps/Apps.svelte") },
  { id: "audit", load: () => import("./audit/Audit.svelte"), auditorsOnly: true },
] as const satisfies readonly Section[];

export type SectionId = (typeof SECTIONS)[number]["id"];

export const addressOf = (id: SectionId): string => (id === "overview" ? "/admin" : `/admin/${id}`);
