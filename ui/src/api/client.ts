// Every call to the server goes through here: typed by its OpenAPI, with what proves that this page asked.
import createClient, { type Middleware } from "openapi-fetch";
import { t } from "../messages";
import { csrf, leaveToSignIn } from "../session.svelte";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** What went wrong, in words that can be shown. `status` 0: the server was not reached. */
export class ApiError extends Error {
  constructor(
    message: string,
    readonly status: number,
    readonly code = "",
    readonly retryAfterS = 0,
  ) {
    super(message);
  }
}

const SAFE = ["GET", "HEAD", "OPTIONS"];
const LEAVING = new Promise<never>(() => {});

const proof: Middleware = {
  async onRequest({ request }) {
    if (!SAFE.includes(request.method)) request.headers.set("X-Brickyard-CSRF", (await csrf()) ?? "");
    return request;
  },
  async onResponse({ response, schemaPath }) {
    if (response.status === 401 && !schemaPath.startsWith("/api/v1/session")) {
      leaveToSignIn();
      return LEAVING;
    }
    return response;
  },
};

export const api = createClient<paths>({
  baseUrl: location.origin,
  credentials: "same-origin",
  fetch: (request: Request) =>
    fetch(request).catch((error: unknown) => {
      if (error instanceof DOMException && error.name === "AbortError") throw error;
      throw new ApiError(t("common.unreachable"), 0, "unreachable");
    }),
});
api.use(proof);

/** What an answer brought; throws ApiError where it was refused: `const me = await ok(api.GET("/api/v1/me"))`. */
export async function ok<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (response.ok) return data as T;
  throw refusal(response, error);
}

export function refusal(response: Response, body: unknown): ApiError {
  const told = (body as { error?: { code?: string; message?: string } } | undefined)?.error;
  const message = told?.message ?? t("common.unexpected", { status: response.status });
  return new ApiError(message, response.status, told?.code, Number(response.headers.get("Retry-After")) || 0);
}

export const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
