// What every response over HTTP has: JSON, CORS, a request id, and a line in the log that names no
// address and no room.

import { errorCodes, type ErrorCode } from "@usher/types";

const retryAfterSeconds = "2";
const preflightSeconds = "7200";

/** Writes one line of JSON to the log. */
export function log(level: "debug" | "info" | "warn" | "error", message: string, fields: Readonly<Record<string, string | number>> = {}): void {
  console[level](JSON.stringify({ level, message, ...fields }));
}

export function json(body: string, status = 200): Response {
  return new Response(body + "\n", { status, headers: { "Content-Type": "application/json; charset=utf-8", "Cache-Control": "no-store" } });
}

/** An error has the fields of the ERROR message; finish adds the request's id. */
export function errorResponse(code: ErrorCode, details?: string): Response {
  const { error, retryable, status = 500 } = errorCodes[code];
  const response = json(JSON.stringify({ type: "ERROR", code, error, details, retryable, timestamp: Date.now() }), status);
  if (status === 429 || status === 503) {
    response.headers.set("Retry-After", retryAfterSeconds);
  }
  if (status === 426) {
    // RFC 6455, section 4.4. The platform takes Upgrade and Connection out of a response.
    response.headers.set("Sec-WebSocket-Version", "13");
  }
  return response;
}

/** Answers OPTIONS: what a page of an allowed origin may ask. */
export function preflight(methods: readonly string[]): Response {
  const allow = methods.join(", ");
  return new Response(null, {
    status: 204,
    headers: {
      Allow: allow,
      "Access-Control-Allow-Methods": allow,
      "Access-Control-Allow-Headers": "Authorization, Content-Type",
      "Access-Control-Max-Age": preflightSeconds,
    },
  });
}

/**
 * Reports whether a request may be served to where it comes from. One without an Origin does not
 * come from a page.
 */
export function allowsOrigin(list: string | undefined, request: Request): boolean {
  const origin = request.headers.get("Origin");
  return origin === null || patternsOf(list).some((pattern) => matches(pattern, canonical(origin)));
}

/**
 * ALLOW_ORIGINS as a list. Without one, or with an empty one, every origin is allowed, as by
 * default.
 */
function patternsOf(list: string | undefined): readonly string[] {
  const patterns = (list ?? "")
    .split(",")
    .map((pattern) => canonical(pattern.trim()))
    .filter((pattern) => pattern !== "");
  return patterns.length === 0 ? ["*"] : patterns;
}

/** An origin as browsers write it: in lower case, without its scheme's own port. */
function canonical(origin: string): string {
  return origin.toLowerCase().replace(/^(https:.*):443$|^(http:.*):80$/, "$1$2");
}

/** Matches with * for any run of characters but "/". */
function matches(pattern: string, origin: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[.+?^${}()|[\]\\]/g, "\\$&"));
  return pattern === "*" || (origin.length <= 320 && new RegExp(`^${parts.join("[^/]*")}$`).test(origin));
}

/**
 * Gives a response the headers that every response has. A WebSocket's response is the platform's.
 */
export async function finish(response: Response, request: Request, origins: string | undefined, requestId: string): Promise<Response> {
  if (response.webSocket !== null) {
    return response;
  }
  let body: BodyInit | null = request.method === "HEAD" ? null : response.body;
  if (response.status >= 400 && body !== null) {
    const error = (await response.json()) as Record<string, unknown>;
    body = JSON.stringify({ ...error, requestId }) + "\n";
  }
  const finished = new Response(body, response);
  const headers = finished.headers;
  headers.set("X-Request-Id", requestId);
  headers.set("X-Content-Type-Options", "nosniff");
  headers.set("Referrer-Policy", "no-referrer");
  headers.set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  headers.set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After");
  if (patternsOf(origins).includes("*")) {
    headers.set("Access-Control-Allow-Origin", "*");
    return finished;
  }
  headers.set("Vary", "Origin");
  const origin = request.headers.get("Origin");
  if (origin !== null && allowsOrigin(origins, request)) {
    headers.set("Access-Control-Allow-Origin", origin);
  }
  return finished;
}

/** The response if a room's object cannot be reached, or has too much to do. */
export function roomFailed(error: unknown): Response {
  const { overloaded = false, retryable = false } = error as { overloaded?: boolean; retryable?: boolean };
  log("error", "a room's object failed", { error: String(error), overloaded: String(overloaded), retryable: String(retryable) });
  return errorResponse("ROOM_UNAVAILABLE");
}
