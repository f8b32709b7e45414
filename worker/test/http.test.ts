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
  /** A JSON list of RTCIceServer, and the secret shared with its TURN servers. */
  iceServers?: string;
  turnSecret?: string;
  /** Those without a seat get TURN credentials. */
  turnOpen?: boolean;
  /**
   * The rooms that want to be listed on a server that lists them. The worker lists none, because no
   * object knows the others.
   */
  listRooms?: string;
  /** The server is about to stop, as only the native one is. */
  draining?: boolean;
  response: {
    status: number;
    /** Those that matter; null is for one that must be missing. */
    headers?: Record<string, string | null>;
    /** The fields that matter. */
    body?: Record<string, unknown>;
    /** The room of the WebSocket that was opened. */
    room?: string;
  };
}

const rows = (vectors as Vector[]).filter(({ draining }) => draining !== true).map((vector) => [vector.name, vector] as const);

test.each(rows)("%s", async (_, { method, path, headers = {}, origins, iceServers, turnSecret, turnOpen, listRooms, response: native }) => {
  const missing = method === "HEAD" ? { status: 404 } : { status: 404, body: { type: "ERROR", code: "NOT_FOUND", retryable: false } };
  const response: Vector["response"] = listRooms === undefined ? native : missing;
  const request = new Request(`http://usher.test${path}`, { method, headers });
  const settings = {
    ALLOW_ORIGINS: origins ?? env.ALLOW_ORIGINS,
    ICE_SERVERS: iceServers ?? env.ICE_SERVERS,
    TURN_SECRET: turnSecret,
    TURN_OPEN: String(turnOpen),
  };
  const got = await worker.fetch(request as never, { ...env, ...settings } as never);
  expect(got.status).toBe(response.status);
  for (const [name, value] of Object.entries(response.headers ?? {})) {
    expect([name, got.headers.get(name)]).toEqual([name, value]);
  }
  if (got.webSocket !== null) {
    got.webSocket.accept();
    if (response.room !== undefined) {
      await wantRoom(got.webSocket, response.room);
    }
    got.webSocket.close(1000);
    return;
  }
  if (response.body === undefined) {
    expect(await got.text()).toBe("");
    return;
  }
  const body = JSON.parse(await timeless(await got.text(), turnSecret)) as Record<string, unknown>;
  expect(body).toMatchObject(response.body);
  if ("code" in response.body) {
    const { error } = errorCodes[response.body["code"] as ErrorCode];
    expect(body).toMatchObject({ error, requestId: got.headers.get("X-Request-Id") });
  }
});

/**
 * Joins the room over a new WebSocket. There is none, and a connection for another room gets
 * ROOM_MISMATCH.
 */
async function wantRoom(socket: WebSocket, roomId: string): Promise<void> {
  const reply = new Promise<unknown>((resolve) => socket.addEventListener("message", ({ data }) => resolve(data), { once: true }));
  socket.send(JSON.stringify({ type: "JOIN_ROOM", roomId, userId: "ann", userName: "Ann" }));
  expect(JSON.parse(String(await reply))).toMatchObject({ code: "ROOM_NOT_FOUND" });
}

/**
 * Writes EXPIRES for when a TURN credential ends, and CREDENTIAL for the right one
 * (draft-uberti-behave-turn-rest-00, section 2.2).
 */
async function timeless(body: string, secret = ""): Promise<string> {
  const [, expires = "", userId = ""] = /"username":"(\d{10}):([^"]*)"/.exec(body) ?? [];
  if (Number(expires) * 1000 <= Date.now()) {
    return body;
  }
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(`${expires}:${userId}`)));
  return body.replaceAll(btoa(String.fromCharCode(...mac)), "CREDENTIAL").replace(`${expires}:${userId}`, `EXPIRES:${userId}`);
}
