// The STUN and TURN servers that the worker hands out.

import { runDurableObjectAlarm } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test, vi } from "vitest";

import { iceServers } from "../src/ice";
import { call, wantError } from "./call";
import { Client } from "./client";
import { objectOf, Person } from "./person";
import { harness } from "./worker";

afterEach(() => {
  vi.restoreAllMocks();
  Object.assign(harness, { nowMs: undefined, env: {} });
});

describe("ICE servers", () => {
  const coturn = { ICE_SERVERS: '[{"urls":"stun:stun.example.org"},{"urls":["turn:turn.example.org"]}]', TURN_SECRET: "north" };

  test("a TURN server gets a credential of the shared secret", async () => {
    vi.spyOn(Date, "now").mockReturnValue(1_700_000_000_000);
    const servers = await iceServers({ ...env, ...coturn }, { roomId: "movie-night", userId: "ann", takenAtMs: 1_700_000_000_000 }, 3600);
    expect(servers).toEqual([
      { urls: "stun:stun.example.org" },
      // The vector of TestCredentialIsThatOfTheRESTAPI in server/turn.
      { urls: ["turn:turn.example.org"], username: "1700003600:bM0AFM5cwQFxZvVeX0RM", credential: "XoSiHIo6H9k+kXGkIxv/HfxpaZo=" },
    ]);
  });

  test("only who proves a seat gets TURN servers", async () => {
    const ann = await Client.open("/ws?roomId=turn-seated");
    ann.say("CREATE_ROOM", { roomId: "turn-seated", userId: "ann", userName: "Ann" });
    const { resumeToken } = await ann.frame("ROOM_CREATED");
    const ask = async (query: string, token = resumeToken) => call(`/turn-credentials?${query}`, coturn, { Authorization: `Bearer ${String(token)}` });
    const response = await ask("userId=ann&roomId=turn-seated");
    expect(await response.json()).toMatchObject({ iceServers: [{}, { username: expect.stringMatching(/^\d{10}:[\w-]{20}$/) as string }] });
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    for (const [query, token] of [
      ["userId=bob&roomId=turn-seated", resumeToken],
      ["userId=ann&roomId=turn-other", resumeToken],
      ["userId=ann&roomId=turn-seated", "AAECAwQFBgcICQoLDA0ODw"],
    ] as const) {
      await wantError(await ask(query, token), 401, "INVALID_RESUME_TOKEN", false);
    }
    ann.say("LEAVE_ROOM", { roomId: "turn-seated", userId: "ann" });
    await ann.closedWith();
    await wantError(await ask("userId=ann&roomId=turn-seated"), 401, "INVALID_RESUME_TOKEN", false);
  });

  test.each([
    ["", "private, max-age=600"],
    ["&ttl=301", "private, max-age=600"],
    ["&ttl=299", "no-store"],
  ])("with the query %s may be kept: %s", async (query, cache) => {
    expect((await call(`/turn-credentials?userId=ann${query}`, coturn)).headers.get("Cache-Control")).toBe(cache);
  });

  test("anybody's credentials are kept for half their life", async () => {
    const response = await call("/turn-credentials?userId=ann&ttl=600", { ...coturn, TURN_OPEN: "true" });
    expect(response.headers.get("Cache-Control")).toBe("private, max-age=150");
  });

  const key = { TURN_KEY_ID: "key", TURN_KEY_API_TOKEN: "token", TURN_OPEN: "true" };

  test("without a seat Cloudflare is not asked", async () => {
    const fetch = vi.spyOn(globalThis, "fetch");
    expect(await (await call("/turn-credentials?userId=ann", { ...key, TURN_OPEN: "false" })).json()).toEqual({
      iceServers: [{ urls: ["stun:stun.cloudflare.com:3478"] }],
    });
    expect(fetch).not.toHaveBeenCalled();
  });

  test("Cloudflare's servers, but for port 53, on which browsers wait", async () => {
    const fetch = vi.spyOn(globalThis, "fetch").mockImplementation(async () =>
      Response.json(
        {
          iceServers: [
            { urls: ["stun:stun.cloudflare.com:3478", "stun:stun.cloudflare.com:53"] },
            { urls: ["turn:turn.cloudflare.com:53?transport=udp", "turns:turn.cloudflare.com:443?transport=tcp"], username: "u", credential: "c" },
          ],
        },
        { status: 201 },
      ),
    );
    expect(await (await call("/turn-credentials?userId=ann&ttl=600", key)).json()).toEqual({
      ttl: 300,
      iceServers: [{ urls: ["stun:stun.cloudflare.com:3478"] }, { urls: ["turns:turn.cloudflare.com:443?transport=tcp"], username: "u", credential: "c" }],
    });
    const [address, init] = fetch.mock.calls[0] ?? [];
    expect(String(address)).toBe("https://rtc.live.cloudflare.com/v1/turn/keys/key/credentials/generate-ice-servers");
    expect(init).toMatchObject({ method: "POST", body: '{"ttl":300}', headers: { Authorization: "Bearer token" } });
  });

  test.each([
    ["answers by an error", key, async () => new Response("no", { status: 500 })],
    ["does not answer", key, () => Promise.reject(new Error("timed out"))],
    ["answers by something else", key, async () => new Response("<token>")],
    ["answers without a list", key, async () => Response.json({ iceServers: {} })],
    ["answers too much", key, async () => new Response(`{"iceServers":[],"x":"${"x".repeat(65_536)}"}`)],
    ["is not configured as JSON", { ICE_SERVERS: "[" }, undefined],
  ])("a provider that %s", async (_, changes, fetch) => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    if (fetch !== undefined) {
      vi.spyOn(globalThis, "fetch").mockImplementation(fetch);
    }
    const response = await call("/turn-credentials?userId=ann", changes);
    expect(response.headers.get("Cache-Control")).toBe("no-store");
    const body = await wantError(response, 503, "ICE_UNAVAILABLE", true);
    expect(JSON.stringify(body)).not.toContain("token");
  });
});

test("new ICE servers are pushed before the credentials of the last ones expire", async () => {
  harness.env = { ICE_SERVERS: '[{"urls":"turn:turn.example.org"}]', TURN_SECRET: "north", TURN_TTL_SECONDS: "300" };
  const ann = await Person.open("turn-pushed", "ann");
  await ann.join("CREATE_ROOM");
  for (const [minutes, pushed] of [
    [2.4, 0],
    [2.6, 1],
  ] as const) {
    harness.nowMs = Date.now() + minutes * 60_000;
    ann.say("PING");
    await runDurableObjectAlarm(objectOf("turn-pushed"));
    expect(ann.client.frames("ICE_SERVERS").length).toBeLessThanOrEqual(pushed);
  }
  const username = expect.stringMatching(/^\d{10}:[\w-]{20}$/) as string;
  expect(await ann.client.frame("ICE_SERVERS")).toMatchObject({ iceServers: [{ urls: ["turn:turn.example.org"], username }], ttl: 300, roomId: "turn-pushed" });
});
