// The worker over HTTP: routes, refusals, headers, and what is handed out without a room.

import { afterEach, describe, expect, test, vi } from "vitest";

import { call, wantError } from "./call";
import { ask, Client } from "./client";

afterEach(() => {
  vi.restoreAllMocks();
});

describe("requests that are refused", () => {
  const websocket = { Upgrade: "websocket" };
  test.each([
    ["an upgrade without the header", "/ws?roomId=room-1", {}, 426, "UPGRADE_REQUIRED"],
    ["another upgrade", "/ws?roomId=room-1", { Upgrade: "h2c" }, 426, "UPGRADE_REQUIRED"],
    ["a body with a length", "/ws?roomId=room-1", { ...websocket, "Content-Length": "5" }, 426, "UPGRADE_REQUIRED"],
    ["a body in chunks", "/ws?roomId=room-1", { ...websocket, "Transfer-Encoding": "chunked" }, 426, "UPGRADE_REQUIRED"],
    ["a query whose last room id is malformed", "/ws?roomId=room-1&roomId=x", websocket, 400, "INVALID_ROOM_ID"],
    ["no room id", "/ws", websocket, 400, "INVALID_ROOM_ID"],
    ["a room id that is too short", "/ws?roomId=short", websocket, 400, "INVALID_ROOM_ID"],
    ["a room id that is too long", `/ws?roomId=${"x".repeat(51)}`, websocket, 400, "INVALID_ROOM_ID"],
    ["a room id with other characters", "/rooms/room%2F1x/ws", websocket, 400, "INVALID_ROOM_ID"],
    ["a room id that does not decode", "/rooms/room-%E0%A4%A/ws", websocket, 400, "INVALID_ROOM_ID"],
    ["another parameter that ends in roomId", "/ws?oldroomId=room-1", websocket, 400, "INVALID_ROOM_ID"],
    ["a malformed room id to be told of", "/rooms/a", {}, 400, "INVALID_ROOM_ID"],
    ["a room that does not exist", "/rooms/room-nowhere", {}, 404, "ROOM_NOT_FOUND"],
    ["a path that is not there", "/nothing", {}, 404, "NOT_FOUND"],
    ["a path below a room", "/rooms/room-1/ws/more", {}, 404, "NOT_FOUND"],
    ["no user id", "/turn-credentials", {}, 400, "INVALID_USER_ID"],
    ["a malformed user id", "/turn-credentials?userId=a%20b", {}, 400, "INVALID_USER_ID"],
    ["a ttl that is too short", "/turn-credentials?userId=u&ttl=299", {}, 400, "INVALID_TTL"],
    ["a ttl that is too long", "/turn-credentials?userId=u&ttl=86401", {}, 400, "INVALID_TTL"],
    ["a ttl that is no number", "/turn-credentials?userId=u&ttl=1e3", {}, 400, "INVALID_TTL"],
  ])("%s", async (_, path, headers, status, code) => {
    await wantError(await ask(path, headers as Record<string, string>), status, code, false);
  });

  test("another method", async () => {
    const response = await ask("/health", {}, "POST");
    await wantError(response, 405, "METHOD_NOT_ALLOWED", false);
    expect(response.headers.get("Allow")).toBe("GET, HEAD, OPTIONS");
  });

  test("an origin that is not on the list, and one that is", async () => {
    const list = { ALLOW_ORIGINS: "https://*.example.org, chrome-extension://abc" };
    for (const origin of ["https://evil.test", "https://example.org.evil.test", "https://a/b.example.org", "null", "file://"]) {
      const response = await call("/ws?roomId=room-1", list, { ...websocket, Origin: origin });
      await wantError(response, 403, "ORIGIN_NOT_ALLOWED", false);
      expect(response.headers.get("Access-Control-Allow-Origin")).toBeNull();
    }
    for (const origin of ["https://app.example.org", "HTTPS://APP.example.org", "https://app.example.org:443", "chrome-extension://abc"]) {
      const response = await call("/turn-credentials?userId=u", list, { Origin: origin });
      expect(response.status).toBe(200);
      expect(response.headers.get("Access-Control-Allow-Origin")).toBe(origin);
      expect(response.headers.get("Vary")).toBe("Origin");
    }
    expect((await call("/turn-credentials?userId=u", list)).status).toBe(200); // no page asks
  });

  test.each([
    ["null, file://", "null", "null"],
    ["null, file://", "file://", "file://"],
    ["http://app.test:80", "http://app.test", "http://app.test"],
    ["", "https://example.org", "*"], // set, but empty: the default
    [" , ", "https://example.org", "*"],
    [undefined, "null", "*"],
  ])("ALLOW_ORIGINS %j serves %s", async (list, origin, allowed) => {
    const response = await call("/turn-credentials?userId=u", { ALLOW_ORIGINS: list as string }, { Origin: origin });
    expect([response.status, response.headers.get("Access-Control-Allow-Origin")]).toEqual([200, allowed]);
  });

  test("too many connections of an address", async () => {
    const limit = vi.fn(async () => ({ success: false }));
    const headers = { ...websocket, "CF-Connecting-IP": "2001:DB8:0:1::7" };
    const response = await call("/ws?roomId=room-1", { CONNECTIONS_LIMIT: { limit } }, headers);
    await wantError(response, 429, "TOO_MANY_CONNECTIONS", true);
    expect(response.headers.get("Retry-After")).toBe("2");
    expect(limit).toHaveBeenCalledWith({ key: "2001:db8:0:1" });
  });
});

describe("an object that cannot be reached", () => {
  test.each([
    ["is overloaded", { overloaded: true }],
    ["lost its network", { retryable: true }],
    ["failed", {}],
  ])("%s", async (_, marks) => {
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    const fetch = (): Promise<Response> => Promise.reject(Object.assign(new Error("unreachable"), marks));
    const ROOM = { getByName: () => ({ fetch }) } as unknown as Env["ROOM"];
    const response = await call("/ws?roomId=room-1", { ROOM }, { Upgrade: "websocket" });
    await wantError(response, 503, "ROOM_UNAVAILABLE", true);
    expect(response.headers.get("Retry-After")).toBe("2");
    expect(log).toHaveBeenCalled();
  });
});

describe("responses", () => {
  test("health", async () => {
    const response = await ask("/health");
    expect(await response.json()).toEqual({ status: "healthy", timestamp: expect.any(Number) });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "access-control-allow-origin": "*",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      "referrer-policy": "no-referrer",
    });
  });

  test("HEAD has no body", async () => {
    const response = await ask("/health", {}, "HEAD");
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  test("OPTIONS tells a page what it may ask", async () => {
    const response = await ask("/turn-credentials", { Origin: "https://example.org" }, "OPTIONS");
    expect(response.status).toBe(204);
    expect(response.headers.get("Access-Control-Allow-Methods")).toBe("GET, HEAD, OPTIONS");
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });

  test("a page of a public site is not let into a private network", async () => {
    const response = await ask("/ws", { Origin: "https://example.org", "Access-Control-Request-Private-Network": "true" }, "OPTIONS");
    expect([response.status, response.headers.get("Access-Control-Allow-Private-Network")]).toEqual([204, null]);
  });

  test.each([
    "/ws?roomId=older-1?roomId=route-1",
    "/rooms/route-1/ws",
    "/ws?x=1&roomId=route-1",
    "/ws/?roomId=route-1",
    "/ws?roomId=route-1&lastroomId=x",
    "/rooms/route-1/ws/",
  ])("%s is room route-1", async (path) => {
    const client = await Client.open(path);
    client.say("JOIN_ROOM", { roomId: "route-1", userId: "ann", userName: "Ann" });
    expect(await client.frame("ERROR")).toMatchObject({ code: "ROOM_NOT_FOUND" });
  });

  test("what somebody with an invitation may know", async () => {
    const client = await Client.open("/ws?roomId=told-of-1");
    client.say("CREATE_ROOM", { roomId: "told-of-1", userId: "ann", userName: "Ann", roomName: "Films" });
    await client.frame("ROOM_CREATED");
    expect(await (await ask("/rooms/told-of-1")).json()).toEqual({
      id: "told-of-1",
      name: "Films",
      controlMode: "HOST_ONLY",
      people: 1,
      entry: "OPEN",
      hasPasscode: false,
    });
  });

  test("the log names neither address nor room", async () => {
    const log = vi.spyOn(console, "info").mockImplementation(() => {});
    await ask("/rooms/secret-room-1", { "CF-Connecting-IP": "192.0.2.77" });
    const line = String(log.mock.calls.at(-1)?.[0]);
    expect(JSON.parse(line)).toMatchObject({ message: "request", method: "GET", route: "room", status: 404, requestId: expect.any(String) });
    expect(line).not.toMatch(/secret-room-1|192\.0\.2\.77/);
  });
});
