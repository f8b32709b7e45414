// Requests to the worker, for tests of what it answers over HTTP.

import { env } from "cloudflare:workers";
import { expect } from "vitest";

import worker from "../src/index";

interface ErrorBody {
  type: string;
  code: string;
  error: string;
  details?: string;
  retryable: boolean;
  timestamp: number;
  requestId: string;
}

/** Calls the worker with another environment than the deployed one. */
export async function call(path: string, changes: Partial<Env>, headers: Record<string, string> = {}): Promise<Response> {
  const request = new Request(`http://usher.test${path}`, { headers });
  return worker.fetch(request as never, { ...env, ...changes });
}

export async function wantError(response: Response, status: number, code: string, retryable: boolean): Promise<ErrorBody> {
  const body = await response.json<ErrorBody>();
  expect(body).toMatchObject({ type: "ERROR", code, retryable });
  expect(response.status).toBe(status);
  expect(body.error).not.toBe("");
  expect(body.timestamp).toBeGreaterThan(0);
  expect(response.headers.get("X-Request-Id")).toBe(body.requestId);
  return body;
}
