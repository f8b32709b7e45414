// Requests, and what send() is given: each reply and each refusal reaches whoever it is about.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import { RoomClient, RoomError, type Outgoing, type Refused } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { ScriptedServer, type Frame, type Link } from "./scripted.ts";

/** A seated client of a server that knows refs, or of one that does not. */
async function seated(t: TestContext, echoesRefs = true): Promise<{ server: ScriptedServer; link: Link; client: RoomClient; refused: Refused[] }> {
  const server = await ScriptedServer.start(echoesRefs);
  const client = new RoomClient({ url: server.url });
  t.after(() => {
    client.close();
    return server.close();
  });
  const refused: Refused[] = [];
  client.on("refused", (one) => refused.push(one));
  await client.create({ userName: "Ann", userId: "ann" });
  return { server, link: await server.link(0), client, refused };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "resolved";
  } catch (error) {
    assert.ok(error instanceof RoomError, String(error));
    return error.code;
  }
}

const refusesLongUrls = (link: Link, frame: Frame): void => {
  if (String(frame["url"]).length > 2048) {
    link.refuse(frame, "INVALID_MESSAGE", { details: "url" });
  }
};
const renames = (link: Link, frame: Frame): void =>
  link.reply(frame, { type: "USER_RENAMED", roomId: link.roomId, userId: frame["userId"], newUserName: frame["newUserName"] });
const longNavigate: Outgoing = { type: "HOST_NAVIGATE", url: `https://example.org/${"x".repeat(2480)}` };

for (const echoesRefs of [true, false]) {
  const kind = echoesRefs ? "a server that knows refs" : "a server without refs";

  test(`a refused send does not fail the request after it (${kind})`, async (t) => {
    const { server, client, refused } = await seated(t, echoesRefs);
    server.replies = { HOST_NAVIGATE: refusesLongUrls, RENAME_USER: renames };
    assert.equal(client.send(longNavigate), true);
    await client.renameUser("Bea");
    assert.equal(client.room?.users[0]?.name, "Bea");
    assert.deepEqual(
      refused.map(({ error }) => [error.code, error.details]),
      [["INVALID_MESSAGE", "url"]],
    );
  });

  test(`a refusal fails its own request and no other (${kind})`, async (t) => {
    const { server, client, refused } = await seated(t, echoesRefs);
    const rows: [rule: string, replies: ScriptedServer["replies"], codes: string[]][] = [
      ["the first", { RENAME_ROOM: (link, frame) => link.refuse(frame, "NOT_HOST"), RENAME_USER: renames }, ["NOT_HOST", "resolved", "resolved"]],
      ["the second", { RENAME_ROOM: renamesRoom, RENAME_USER: (link, frame) => link.refuse(frame, "INVALID_NAME") }, ["resolved", "INVALID_NAME", "resolved"]],
      ["one that is relayed", { RENAME_ROOM: renamesRoom, RENAME_USER: renames, CONTROL_MODE_CHANGE: refusesMode }, ["resolved", "resolved", "NOT_HOST"]],
      [
        "all",
        {
          RENAME_ROOM: (link, frame) => link.refuse(frame, "NOT_HOST"),
          RENAME_USER: (link, frame) => link.refuse(frame, "INVALID_NAME"),
          CONTROL_MODE_CHANGE: (link) => link.say({ type: "UNDELIVERED", code: "NOT_SEATED", messageType: "CONTROL_MODE_CHANGE", retryable: false }),
        },
        ["NOT_HOST", "INVALID_NAME", "NOT_SEATED"],
      ],
    ];
    for (const [rule, replies, codes] of rows) {
      server.replies = replies;
      const requests = [client.renameRoom("Films"), client.renameUser("Bea"), client.setControlMode("FREE_FOR_ALL")];
      assert.deepEqual(await Promise.all(requests.map(codeOf)), codes, rule);
      assert.deepEqual(refused, [], rule);
      assert.equal(client.room?.controlMode, codes[2] === "resolved" ? "FREE_FOR_ALL" : "HOST_ONLY", rule);
      server.replies = {};
      await client.setControlMode("HOST_ONLY");
    }
  });
}

const renamesRoom = (link: Link, frame: Frame): void =>
  link.reply(frame, { type: "ROOM_RENAMED", roomId: link.roomId, userId: "system", newRoomName: "Films" });
const refusesMode = (link: Link, frame: Frame): void => link.say({ type: "ERROR", code: "NOT_HOST", error: "no", retryable: false, of: frame["mode"] });

test("requests carry a ref of 1 to 36 characters, and what is relayed carries none", async (t) => {
  const { server, link, client } = await seated(t);
  server.replies = { RENAME_ROOM: renamesRoom, RENAME_USER: renames, TRANSFER_HOST: (link, frame) => link.refuse(frame, "TARGET_NOT_FOUND") };
  client.send({ type: "WEBRTC_OFFER", targetUserId: "bob", offer: { type: "offer" } });
  client.send({ type: "HOST_STATE_UPDATE", state: "PAUSED", time: 0 });
  await Promise.all([client.renameRoom("Films"), client.renameUser("Bea"), client.setControlMode("FREE_FOR_ALL"), codeOf(client.transferHost("bob"))]);
  const refs = new Map(link.received.map((frame) => [frame.type, frame["ref"]]));
  for (const type of ["CREATE_ROOM", "RENAME_ROOM", "RENAME_USER", "TRANSFER_HOST"]) {
    assert.match(String(refs.get(type)), /^[\w-]{1,36}$/, type);
  }
  for (const type of ["WEBRTC_OFFER", "HOST_STATE_UPDATE", "CONTROL_MODE_CHANGE", "PING"]) {
    assert.ok(refs.has(type), type);
    assert.equal(refs.get(type), undefined, type);
  }
  assert.equal(new Set(link.received.flatMap((frame) => frame["ref"] ?? [])).size, 4, "each has its own");
});

test("replies in another order, to others, or made up by others settle nothing that is not theirs", async (t) => {
  const { server, link, client } = await seated(t);
  server.replies = { RENAME_USER: () => undefined };
  const settled: string[] = [];
  const rename = (name: string): void => void codeOf(client.renameUser(name)).then((code) => settled.push(`${name} ${code}`));
  rename("Bea");
  rename("Cem");
  const first = await link.next("RENAME_USER");
  const second = await link.next("RENAME_USER");
  renames(link, { ...first, userId: "bob", newUserName: "Bob", ref: undefined }); // somebody else's
  // Relayed.
  link.say({ type: "WEBRTC_OFFER", userId: "bob", offer: { type: "offer" }, ref: first["ref"] });
  link.say({ type: "ERROR", code: "NOT_HOST", error: "no", retryable: false, ref: "unknown" });
  renames(link, second);
  await until("the second is answered", () => settled.length > 0);
  assert.deepEqual(settled, ["Cem resolved"]);
  link.refuse(first, "ROOM_BUSY", { retryable: true });
  await until("the first is answered", () => settled.length > 1);
  assert.deepEqual(settled, ["Cem resolved", "Bea ROOM_BUSY"]);
});

test("a send that is refused or bounces reaches its sender with the code and what is known of the message", async (t) => {
  const { link, client, refused } = await seated(t);
  link.say({ type: "UNDELIVERED", code: "TARGET_NOT_FOUND", messageType: "WEBRTC_OFFER", targetUserId: "zoe", retryable: false });
  link.say({ type: "ERROR", code: "INVALID_MESSAGE", error: "no", details: "time", retryable: false });
  await until("both have come", () => refused.length === 2);
  assert.deepEqual(
    refused.map(({ error, messageType, targetUserId }) => [error.code, messageType, targetUserId, (error.cause as Frame).type]),
    [
      ["TARGET_NOT_FOUND", "WEBRTC_OFFER", "zoe", "UNDELIVERED"],
      ["INVALID_MESSAGE", undefined, undefined, "ERROR"],
    ],
  );
  assert.equal(client.status.state, "seated");
});

test("what cannot be sent fails in send(), and the participant goes on", async (t) => {
  const { server, link, client, refused } = await seated(t);
  const circular: { self?: unknown } = {};
  circular.self = circular;
  const offer = (sdp: unknown): Outgoing => ({ type: "WEBRTC_OFFER", targetUserId: "bob", offer: { type: "offer", sdp: sdp as string } });
  const rows: [rule: string, message: Outgoing, code: string][] = [
    ["too many bytes", offer("x".repeat(65_536)), "MESSAGE_TOO_LARGE"],
    ["too many bytes in fewer characters", offer("€".repeat(22_000)), "MESSAGE_TOO_LARGE"],
    ["too many bytes when escaped", offer("\n".repeat(33_000)), "MESSAGE_TOO_LARGE"],
    ["a circle", offer(circular), "INVALID_MESSAGE"],
    ["a bigint", offer(1n), "INVALID_MESSAGE"],
  ];
  for (const [rule, message, code] of rows) {
    assert.equal(client.send(message), false, rule);
    const [one] = refused.splice(0);
    assert.deepEqual([one?.error.code, one?.messageType, one?.targetUserId], [code, "WEBRTC_OFFER", "bob"], rule);
  }
  assert.equal(client.send(offer("x".repeat(65_000))), true, "the largest that fits");
  assert.equal(await codeOf(client.renameUser("x".repeat(70_000))), "MESSAGE_TOO_LARGE");
  assert.equal(await codeOf(client.setControlMode("x".repeat(70_000) as "HOST_ONLY")), "MESSAGE_TOO_LARGE");
  assert.equal(client.room?.controlMode, "HOST_ONLY");
  assert.equal(client.status.state, "seated");
  assert.equal(server.openLinks.length, 1);
  assert.ok(link.received.every((frame) => JSON.stringify(frame).length <= 65_536));
});

test("a request for a seat that is too large is refused before it is sent, and so is one by another server's measure", async (t) => {
  const server = await ScriptedServer.start();
  t.after(() => server.close());
  const client = new RoomClient({ url: server.url });
  assert.equal(await codeOf(client.create({ userName: "x".repeat(70_000) })), "MESSAGE_TOO_LARGE");
  const strict = new RoomClient({ url: server.url, maxFrameBytes: 4096 });
  assert.equal(await codeOf(strict.create({ userName: "x".repeat(5000) })), "MESSAGE_TOO_LARGE");
  await until("nothing is open", () => server.openLinks.length === 0);
  assert.deepEqual(
    server.links.flatMap((link) => link.types),
    [],
  );
});

test("without a seat requests are NOT_SEATED, and on the way back to one CONNECTION_LOST", async (t) => {
  const { server, link, client } = await seated(t);
  const requests = (): Promise<string[]> =>
    Promise.all([client.renameRoom("x"), client.renameUser("x"), client.transferHost("bob"), client.setControlMode("FREE_FOR_ALL")].map(codeOf));
  server.replies = { JOIN_ROOM: () => undefined };
  link.cut();
  await until("it waits", () => client.status.state !== "seated");
  assert.deepEqual(new Set(await requests()), new Set(["CONNECTION_LOST"]));
  assert.equal(client.send({ type: "HOST_NAVIGATE", url: "https://example.org/" }), false);
  assert.equal(client.room?.controlMode, "HOST_ONLY");
  client.close();
  assert.deepEqual(new Set(await requests()), new Set(["NOT_SEATED"]));
  assert.deepEqual(new Set(await Promise.all([new RoomClient({ url: server.url }).renameUser("x")].map(codeOf))), new Set(["NOT_SEATED"]));
});
