// How bytes go to the server: by tus, with what proves that this page asked.
import * as tus from "tus-js-client";
import { t } from "../../messages";
import { csrf, readSession } from "../../session.svelte";
import type { Upload } from "./upload.svelte";

export const ADDRESS = "/api/v1/uploads";
const RETRY_MS = [500, 1000, 3000, 5000];

/** `done`: all is there, `offline`: the line was lost for long, `refused`: by the server, in words. */
export type End = (how: "done" | "offline" | "refused", words?: string) => void;

export function sendingOf(upload: Upload, ended: End): tus.Upload {
  return new tus.Upload(upload.file!, {
    endpoint: ADDRESS,
    uploadUrl: upload.id ? `${ADDRESS}/${upload.id}` : null,
    metadata: { ...upload.metadata, filename: upload.name },
    retryDelays: RETRY_MS,
    removeFingerprintOnSuccess: true,
    onBeforeRequest: async (request) => request.setHeader("X-Brickyard-CSRF", (await csrf()) ?? ""),
    onAfterResponse: (_, response) => {
      upload.recording = response.getHeader("Brickyard-Recording") ?? upload.recording;
      upload.job = response.getHeader("Brickyard-Job") ?? upload.job;
    },
    onUploadUrlAvailable: () => {
      upload.id = upload.sending?.url?.split("/").at(-1) ?? null;
      if (upload.id) hold(upload.id);
    },
    onShouldRetry: (error) => {
      if (statusOf(error) === 403) void readSession();
      if (!passes(error)) return false;
      upload.state = "offline";
      return true;
    },
    onProgress: (sent) => upload.moved(sent),
    onSuccess: () => ended("done"),
    onError: (error) => (passes(error) ? ended("offline") : ended("refused", wordsOf(error))),
  });
}

const statusOf = (error: Error): number => ("originalResponse" in error ? ((error as tus.DetailedError).originalResponse?.getStatus() ?? 0) : 0);

/** Whether it is worth trying again: the line or the server is away, or another request still holds the upload. */
function passes(error: Error): boolean {
  const isOfRequest = "originalRequest" in error && (error as tus.DetailedError).originalRequest !== null;
  const status = statusOf(error);
  return isOfRequest && status !== 507 && (status === 0 || [409, 423, 429].includes(status) || status >= 500);
}

function wordsOf(error: Error): string {
  const body = "originalResponse" in error ? (error as tus.DetailedError).originalResponse?.getBody() : undefined;
  try {
    return (JSON.parse(body ?? "") as { error: { message: string } }).error.message;
  } catch {
    return t(error.name === "NotReadableError" ? "upload.unreadable" : "upload.broke_off");
  }
}

/** Whether a file is, as far as this browser knows, the one whose bytes are there: it notes when that was changed. */
export async function isUnchanged(id: string, file: File): Promise<boolean> {
  const kept = await tus.defaultOptions.urlStorage.findAllUploads();
  const known = kept.find((one) => one.uploadUrl?.endsWith(id));
  return !known || known.urlStorageKey.includes(`-${file.size}-${file.lastModified}-`);
}

const LOCK = "echo.upload.";

/** Tells other tabs that this one sends it. */
function hold(id: string): void {
  navigator.locks?.request(LOCK + id, { ifAvailable: true }, () => new Promise(() => {})).catch(() => {});
}

/** What other tabs (and this one) send at the moment. Only known over https. */
export async function heldElsewhere(): Promise<Set<string>> {
  const found = (await navigator.locks?.query())?.held ?? [];
  return new Set(found.filter((one) => one.name?.startsWith(LOCK)).map((one) => one.name!.slice(LOCK.length)));
}
