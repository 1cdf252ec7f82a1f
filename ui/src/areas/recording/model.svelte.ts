// One recording that is open: what it is, how far one may go with it, what plays, and its transcript.
import { api, ok, wordsOf, ApiError, type Schemas } from "../../api/client";
import { speakerColour } from "../../format";
import { isAlive, type Job } from "../../jobs";
import { poll } from "../../live";
import { session } from "../../session.svelte";
import { Editor } from "../transcript/editor.svelte";
import type { Piece } from "../transcript/document";
import { Player } from "./player.svelte";

const JOB_EVERY_MS = 2000;

export class RecordingModel {
  readonly id: string;
  recording = $state.raw<Schemas["Recording"] | null>(null);
  job = $state.raw<Job | null>(null);
  /** Why nothing is shown, in words. */
  problem = $state("");
  /** There is no such recording, or it is not shared with whoever looks. */
  missing = $state(false);
  /** Counts the jobs that ended while the page was open: what a job makes should be read anew. */
  made = $state(0);
  /** Where the transcript should scroll to; a new object each time. */
  wanted = $state.raw<{ time: number } | null>(null);
  readonly player = new Player();
  readonly editor: Editor;
  #colours = new Map<string, number>();
  #stopJob: (() => void) | null = null;

  constructor(id: string) {
    this.id = id;
    this.editor = new Editor(id, (from, to) => this.#sameColour(from, to));
  }

  get canEdit(): boolean {
    return ["edit", "own"].includes(this.recording?.access ?? "");
  }
  get canComment(): boolean {
    return this.canEdit || this.recording?.access === "comment";
  }
  get isOwner(): boolean {
    return this.recording?.access === "own";
  }

  /** In the order of their times, edits included, those that are not saved yet too. */
  get segments(): readonly Piece[] {
    return this.editor.segments;
  }
  get speakers(): string[] {
    return this.editor.speakers;
  }
  /** Of the transcript; grows with every change that anybody saves. 0: it was not read yet. */
  get revision(): number {
    return this.editor.revision;
  }
  get language(): string {
    return this.editor.language;
  }

  /** A speaker keeps the colour while the page is open, with a new name too. */
  colourOf = (speaker: string | null | undefined): string => {
    if (!speaker) return "var(--soft)";
    return speakerColour(this.#colours.get(speaker) ?? this.#newColour(speaker));
  };

  #newColour(speaker: string): number {
    const taken = new Set(this.#colours.values());
    let at = 0;
    while (taken.has(at)) at++;
    this.#colours.set(speaker, at);
    return at;
  }
  #sameColour(from: string, to: string): void {
    const at = this.#colours.get(from);
    if (at !== undefined) this.#colours.set(to, at);
  }

  /** Play from there, or stand there, and show that line. */
  goTo = (seconds: number, { play = false }: { play?: boolean } = {}): void => {
    this.player.seek(seconds);
    if (play) this.player.play();
    this.wanted = { time: seconds };
  };

  /** Read everything anew, as after a job. */
  reload = async (): Promise<void> => {
    const transcript = this.editor.ask(); // Long ones take a while: not one after the other.
    try {
      const found = await ok(api.GET("/api/v1/recordings/{recording}", { params: { path: { recording: this.id } } }));
      this.recording = found;
      this.problem = "";
      if (!this.player.duration) this.player.duration = found.duration_s;
      this.#followJob(found.latest_job ?? null);
    } catch (error) {
      this.missing = error instanceof ApiError && [403, 404, 422].includes(error.status);
      this.problem = wordsOf(error);
      return;
    }
    await this.#readTranscript(transcript);
  };

  async #readTranscript(transcript: Promise<Schemas["DocumentView"]>): Promise<void> {
    await this.editor.open(this.canEdit, session.now?.name ?? "", transcript);
    if (this.editor.duration) this.player.duration = this.editor.duration;
    for (const speaker of this.editor.speakers) this.colourOf(speaker);
  }

  #followJob(job: string | null): void {
    if (!job || this.#stopJob) return;
    const stop = poll(async () => {
      const before = this.job;
      this.job = await ok(api.GET("/api/v1/jobs/{job}", { params: { path: { job } } }));
      if (isAlive(this.job)) return;
      this.#unfollow();
      if (!before || !isAlive(before)) return;
      this.made++;
      await this.reload();
    }, JOB_EVERY_MS, (error) => {
      // Those with whom it is only shared may not see its job.
      if (error instanceof ApiError && [403, 404].includes(error.status)) this.#unfollow();
    });
    this.#stopJob = stop;
  }
  /** A new job was asked for: follow that one. */
  follow = (job: string): void => {
    this.#unfollow();
    this.job = null;
    this.#followJob(job);
  };
  #unfollow(): void {
    this.#stopJob?.();
    this.#stopJob = null;
  }

  close = (): void => {
    this.#unfollow();
    this.editor.close();
  };
}
