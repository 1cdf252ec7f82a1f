// What was made of one recording beside its transcript, as far as somebody has looked at it.
import { untrack } from "svelte";
import { api, ok, type Schemas } from "../../api/client";
import { isAlive, type Job } from "../../jobs";
import { t } from "../../messages";
import { tell } from "../../parts/toasts.svelte";
import type { RecordingModel } from "../recording/model.svelte";
import { Remarks } from "./remarks.svelte";
import { Kept } from "./kept.svelte";

type Template = Schemas["Template"];
export type Place = Pick<Schemas["Coverage"]["faults"][number], "start" | "end" | "channel">;
/** At a time, in seconds. */
const LONGEST_S = 300;

let asked: Promise<Schemas["Info"]> | null = null;
/** Which languages can be heard, and which can be translated into which; the same for the whole session. */
export function readInfo(): Promise<Schemas["Info"]> {
  asked ??= ok(api.GET("/api/v1/info")).catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

const readScreen = (recording: string) => ok(api.GET("/api/v1/recordings/{recording}/screen-text", { params: { path: { recording } } }));
export type OnScreen = Awaited<ReturnType<typeof readScreen>>;

export class Side {
  readonly info = new Kept(readInfo);
  readonly templates: Kept<Template[]>;
  readonly languages: Kept<Schemas["TranslationEntry"][]>;
  readonly screen: Kept<OnScreen>;
  readonly coverage: Kept<Schemas["Coverage"]>;
  readonly revisions: Kept<Schemas["RevisionGroup"][]>;
  readonly remarks: Remarks;
  /** What is heard again at the moment. */
  heard = $state.raw<(Place & { job: string }) | null>(null);
  /** The conversation about the recording; gone when the page is. */
  readonly talk = $state<{ turns: Turn[] }>({ turns: [] });
  #summaries = new Map<Template, Kept<Schemas["Summary"]>>();
  #translations = new Map<string, Kept<Schemas["Translation"]>>();

  constructor(readonly model: RecordingModel) {
    const params = { path: { recording: model.id } };
    this.templates = new Kept(() => ok(api.GET("/api/v1/recordings/{recording}/summaries", { params })));
    this.languages = new Kept(() => ok(api.GET("/api/v1/recordings/{recording}/translations", { params })));
    this.screen = new Kept(() => readScreen(model.id));
    this.coverage = new Kept(() => ok(api.GET("/api/v1/recordings/{recording}/coverage", { params })));
    this.revisions = new Kept(() => ok(api.GET("/api/v1/recordings/{recording}/revisions", { params })));
    this.remarks = new Remarks(model.id);
  }

  summary(template: Template): Kept<Schemas["Summary"]> {
    return kept(this.#summaries, template, () => ok(api.GET("/api/v1/recordings/{recording}/summaries/{template}", { params: { path: { recording: this.model.id, template } } })));
  }
  translation(language: string): Kept<Schemas["Translation"]> {
    return kept(this.#translations, language, () => ok(api.GET("/api/v1/recordings/{recording}/translations/{language}", { params: { path: { recording: this.model.id, language } } })));
  }

  /** More of the transcript as it is now, edits included; nothing is transcribed again. */
  add = async (wanted: Partial<Schemas["Additions"]>): Promise<void> => {
    this.model.editor.saveNow();
    const body = { priority: "standard", ...wanted } as Schemas["Additions"];
    const { job } = await ok(api.POST("/api/v1/recordings/{recording}/additions", { params: { path: { recording: this.model.id } }, body }));
    this.model.follow(job);
  };

  /** The machine hears that place again. It says in the end whether that was any better. */
  hearAgain = async (place: Place): Promise<void> => {
    const end = Math.min(place.end, place.start + LONGEST_S);
    const { job } = await ok(api.POST("/api/v1/recordings/{recording}/coverage/redo", { params: { path: { recording: this.model.id } }, body: { start: place.start, end, channel: place.channel } }));
    this.heard = { ...place, job };
    this.model.follow(job);
    // Of its own: who asked may look at another tab by then.
    const forget = $effect.root(() => {
      $effect(() => {
        const now = this.model.job;
        if (now?.id !== job || isAlive(now)) return;
        untrack(() => this.#heardAgain(now));
        queueMicrotask(forget);
      });
    });
  };
  #heardAgain(job: Job): void {
    this.heard = null;
    const isBetter = (job.result as { kept?: boolean } | null)?.kept;
    tell(t(job.state !== "succeeded" ? "side.heard_failed" : isBetter ? "side.heard_better" : "side.heard_same"));
  }
  isHearing = (place: Place): boolean =>
    this.heard !== null && this.heard.start === place.start && this.heard.end === place.end && this.heard.channel === place.channel;
}

/** A line that an answer rests on; `number`: how the answer names it, in brackets. */
export interface Source {
  number: number;
  start: number;
  end: number;
}

export interface Turn {
  question: string;
  answer: string;
  citations: Source[];
  state: "writing" | "done" | "failed";
  problem: string;
}

function kept<K, T>(all: Map<K, Kept<T>>, key: K, ask: () => Promise<T>): Kept<T> {
  const found = all.get(key) ?? new Kept(ask);
  all.set(key, found);
  return found;
}
