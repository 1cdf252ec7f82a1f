// What was made of one recording beside its transcript, as far as somebody has looked at it.
import { api, ok, type Schemas } from "../../api/client";
import type { RecordingModel } from "../recording/model.svelte";
import { Remarks } from "./remarks.svelte";
import { Kept } from "./kept.svelte";

type Template = Schemas["Template"];

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

  /** A new job over the recording. What it makes replaces what there was; edits stay in the history. */
  again = async (options: Partial<Schemas["TranscribeOptions"]>): Promise<void> => {
    const body = { diarize: true, priority: "standard", ...options } as Schemas["TranscribeOptions"];
    const { job } = await ok(api.POST("/api/v1/recordings/{recording}/jobs", { params: { path: { recording: this.model.id } }, body }));
    this.model.follow(job);
  };
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
