// The document is valid OpenAPI 3.1, and a client that is generated from it calls every operation
// of a real server. USHER_BIN names the program.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";

import { Validator } from "@seriousme/openapi-schema-validator";
import createClient from "openapi-fetch";

import type { paths } from "./node_modules/usher-api.d.ts";

const root = path.resolve(import.meta.dirname, "../..");
const token = "an admin token of 32 characters or more";

let folder = "";
let url = "";
let stop = async (): Promise<void> => {};

before(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), "usher-api-"));
  const program = process.env["USHER_BIN"] ?? path.join(folder, "usher");
  if (process.env["USHER_BIN"] === undefined) {
    execFileSync("go", ["build", "-o", program, "./cmd/usher"], { cwd: root, stdio: "inherit" });
  }
  await writeFile(path.join(folder, "token"), token);
  const server = spawn(program, ["serve", "--listen", "localhost:0", "--data", path.join(folder, "data"), "--admin-token-file", path.join(folder, "token")], {
    stdio: ["ignore", "pipe", "pipe"],
    // The server takes what begins with USHER_ for its settings.
    env: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("USHER_"))),
  });
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()));
  stop = async () => {
    server.kill();
    await ended;
  };
  let said = "";
  for (const output of [server.stdout, server.stderr]) {
    const lines = createInterface(output);
    lines.on("line", (line) => {
      said += `${line}\n`;
      url ||= /http:\/\/[^\s"]+:\d+/.exec(line)?.[0] ?? "";
    });
  }
  while (url === "" && server.exitCode === null) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.notEqual(url, "", `the server has not started:\n${said}`);
});

after(async () => {
  await stop();
  await rm(folder, { recursive: true, force: true });
});

/** Somebody in the room, as a socket of Node.js. */
async function enter(type: "CREATE_ROOM" | "JOIN_ROOM", userId: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/rooms/room-1/ws`);
  await new Promise((resolve, reject) => {
    socket.addEventListener("open", () => socket.send(JSON.stringify({ type, roomId: "room-1", userId, userName: userId, timestamp: 1, protocol: 1 })));
    socket.addEventListener("message", resolve);
    socket.addEventListener("error", reject);
  });
  return socket;
}

test("the document is valid", async () => {
  const text = await readFile(path.join(root, "server/api/openapi.json"), "utf8");
  const result = await new Validator().validate(JSON.parse(text) as Record<string, unknown>);
  assert.ok(result.valid, JSON.stringify(result.errors));
  assert.equal(await (await fetch(`${url}/api/v1/openapi.json`)).text(), text);
});

test("a generated client calls every operation", async () => {
  const called = new Set<string>();
  const client = createClient<paths>({ baseUrl: `${url}/api/v1`, headers: { Authorization: `Bearer ${token}` } });
  client.use({ onRequest: ({ request, schemaPath }) => void called.add(`${request.method} ${schemaPath}`) });
  const room = { path: { roomId: "room-1" } };
  const person = (userId: string): { path: { roomId: string; userId: string } } => ({ path: { roomId: "room-1", userId } });

  const server = await client.GET("/server");
  assert.equal(server.data?.counts.rooms, 0);
  const created = await client.POST("/rooms", { body: { roomId: "room-1", roomName: "Film night", invites: [{ role: "HOST", once: true }] } });
  assert.equal(created.data?.invites[0]?.role, "HOST");
  const again = await client.POST("/rooms", { body: { roomId: "room-1" } });
  assert.equal(again.error?.code, "ROOM_EXISTS");

  const stopped = new AbortController();
  const streams = [
    await client.GET("/events", { parseAs: "stream", signal: stopped.signal }),
    await client.GET("/rooms/{roomId}/signaling", { params: room, parseAs: "stream", signal: stopped.signal }),
  ];
  const sockets = [await enter("CREATE_ROOM", "ann"), await enter("JOIN_ROOM", "bob"), await enter("JOIN_ROOM", "cem")];
  for (const [i, { data }] of streams.entries()) {
    const reader = (data as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream() as unknown as TransformStream<Uint8Array, string>).getReader();
    let text = "";
    while (!text.includes(["user.joined", "ROOM_JOINED"][i] ?? "")) {
      const { value, done } = await reader.read();
      assert.ok(!done, text);
      text += value;
    }
  }
  stopped.abort();

  const recording = (await client.GET("/rooms/{roomId}/recording", { params: room })).data?.recording ?? "";
  assert.match(recording, /JOIN_ROOM/);
  assert.doesNotMatch(recording, /Film night|room-1/, "ids, names and texts have placeholders");

  const list = await client.GET("/rooms", { params: { query: { q: "film", limit: 10 } } });
  assert.equal(list.data?.rooms[0]?.people, 3);
  const changed = await client.PATCH("/rooms/{roomId}", { params: room, body: { entry: "LOCKED", controlMode: "FREE_FOR_ALL" } });
  assert.equal(changed.data?.entry, "LOCKED");
  assert.equal((await client.POST("/rooms/{roomId}/announcements", { params: room, body: { text: "Soon over" } })).response.status, 204);
  assert.equal((await client.POST("/rooms/{roomId}/invites", { params: room, body: { invites: [{}] } })).data?.invites.length, 1);
  assert.equal((await client.POST("/tokens", { body: { userId: "dan" } })).error?.code, "NOT_FOUND", "this server has no accounts");
  assert.equal((await client.PATCH("/rooms/{roomId}/people/{userId}", { params: person("bob"), body: { role: "COHOST" } })).response.status, 204);
  assert.equal((await client.DELETE("/rooms/{roomId}/people/{userId}", { params: { ...person("bob"), query: { reason: "Enough" } } })).response.status, 204);
  assert.equal((await client.PUT("/rooms/{roomId}/bans/{userId}", { params: person("cem") })).response.status, 204);
  assert.equal((await client.GET("/rooms/{roomId}", { params: room })).data?.bans[0]?.userId, "cem");
  assert.equal((await client.DELETE("/rooms/{roomId}/bans/{userId}", { params: person("cem") })).response.status, 204);
  assert.equal((await client.DELETE("/rooms/{roomId}", { params: { ...room, query: { reason: "Over" } } })).response.status, 204);
  assert.equal((await client.GET("/rooms/{roomId}", { params: room })).error?.code, "ROOM_NOT_FOUND");
  assert.equal((await client.POST("/drain", { body: {} })).response.status, 202);
  sockets.forEach((socket) => socket.close());

  const document = JSON.parse(await readFile(path.join(root, "server/api/openapi.json"), "utf8")) as { paths: Record<string, Record<string, unknown>> };
  const operations = Object.entries(document.paths).flatMap(([at, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${at}`));
  assert.deepEqual([...called].sort(), operations.sort());
});
