// protocol/testdata/http.json in workerd: the same requests and responses as of the native server.

import { errorCodes, type ErrorCode } from "@usher/types";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";

import vectors from "../../protocol/testdata/http.json";
import worker from "../src/index";

interface Vector {
  name: string;
  method: string;
  path: string;
  headers?: Record<string, string>;
  /** The list of allowed origins; "*" without one. */
  origins?: string;
  response: {
    status: number;
    /** Those that matter; null is for one that must be missing. */
    headers?: Record<string, string | null>;
    /** The fields that matter. */
    body?: Record<string, unknown>;
  };
}

test.each((vectors as Vector[]).map((vector) => [vector.name, vector] as const))("%s", async (_, { method, path, headers = {}, origins, response }) => {
  const request = new Request(`http://usher.test${path}`, { method, headers });
  const got = await worker.fetch(request as never, { ...env, ...(origins === undefined ? {} : { ALLOW_ORIGINS: origins as never }) });
  expect(got.status).toBe(response.status);
  for (const [name, value] of Object.entries(response.headers ?? {})) {
    expect([name, got.headers.get(name)]).toEqual([name, value]);
  }
  if (got.webSocket !== null) {
    got.webSocket.accept();
    got.webSocket.close(1000);
    return;
  }
  if (response.body === undefined) {
    expect(await got.text()).toBe("");
    return;
  }
  const body = await got.json<Record<string, unknown>>();
  expect(body).toMatchObject(response.body);
  if ("code" in response.body) {
    const { error } = errorCodes[response.body["code"] as ErrorCode];
    expect(body).toMatchObject({ error, requestId: got.headers.get("X-Request-Id") });
  }
});
