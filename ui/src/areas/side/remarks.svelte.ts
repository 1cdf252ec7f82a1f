// Comments of one recording: as the server has them, with what was just done here shown at once.
import { api, ok, type Schemas } from "../../api/client";
import { t } from "../../messages";
import { complain, later, tell } from "../../parts/toasts.svelte";
import { Kept } from "./kept.svelte";

export type Comment = Schemas["Comment"];
export type Remark = Schemas["Remark"];

export class Remarks {
  readonly kept: Kept<Comment[]>;
  /** Deleted here, and about to be on the server. */
  #gone = $state.raw<ReadonlySet<string>>(new Set());
  readonly all = $derived.by(() => this.#shown());
  readonly open = $derived(this.all.filter((one) => !one.resolved_at).length);

  constructor(private readonly recording: string) {
    this.kept = new Kept(() => ok(api.GET("/api/v1/recordings/{recording}/comments", { params: { path: { recording } } })));
  }

  #shown(): Comment[] {
    const left = (this.kept.value ?? []).filter((one) => !this.#gone.has(one.id));
    return left.map((one) => ({ ...one, answers: one.answers.filter((answer) => !this.#gone.has(answer.id)) }));
  }
  #path = (comment: string) => ({ path: { recording: this.recording, comment } });

  add = async (text: string, place: { at: number } | { answers: string }): Promise<void> => {
    const body = { text, at: null, answers: null, ...place };
    await ok(api.POST("/api/v1/recordings/{recording}/comments", { params: { path: { recording: this.recording } }, body }));
    await this.kept.read();
  };

  edit = async (comment: string, text: string): Promise<void> => {
    await ok(api.PUT("/api/v1/recordings/{recording}/comments/{comment}", { params: this.#path(comment), body: { text } }));
    await this.kept.read();
  };

  resolve = async (comment: Comment, resolved: boolean): Promise<void> => {
    this.#show(comment.id, resolved);
    try {
      await ok(api.PUT("/api/v1/recordings/{recording}/comments/{comment}/resolution", { params: this.#path(comment.id), body: { resolved } }));
      if (resolved) tell(t("side.resolved_now"), () => void this.resolve(comment, false));
      await this.kept.read();
    } catch (error) {
      this.#show(comment.id, !resolved);
      complain(error);
    }
  };
  #show(id: string, resolved: boolean): void {
    this.kept.value = (this.kept.value ?? []).map((one) => (one.id === id ? { ...one, resolved_at: resolved ? new Date().toISOString() : null } : one));
  }

  delete = (remark: Remark): void => {
    this.#gone = new Set([...this.#gone, remark.id]);
    const back = () => (this.#gone = new Set([...this.#gone].filter((id) => id !== remark.id)));
    later(
      t("side.comment_deleted"),
      () => ok(api.DELETE("/api/v1/recordings/{recording}/comments/{comment}", { params: this.#path(remark.id), keepalive: true })),
      back,
    );
  };
}
