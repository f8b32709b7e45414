import assert from "node:assert/strict";
import { test } from "node:test";

import { everyone, Journal, messageText, server, type Entry } from "./journal.ts";
import { clipName, clockText, filmTitle, hostOf, invitationIn, isClip, Names } from "./party.ts";
import type { AnyMessage } from "./words.ts";

function journal(): Journal {
  const names = new Names();
  const users = [
    ["ann", "Ann"],
    ["bob", "Bob"],
  ].map(([id = "", name = ""]) => ({
    id,
    name,
    isHost: id === "ann",
    role: id === "ann" ? ("HOST" as const) : ("GUEST" as const),
    isConnected: true,
    joinedAt: 0,
  }));
  names.learn({ users } as Parameters<Names["learn"]>[0], "ann");
  return new Journal(
    names,
    () => "ann",
    () => undefined,
  );
}

function arrow({ from, to, way, words, count }: Entry): string {
  return `${from} ${way} ${to}: ${words}${count > 1 ? ` ×${count}` : ""}`;
}

test("each frame is an arrow from its sender to its receiver", () => {
  const told = journal();
  const say = (sent: boolean, message: object): void => told.frame(sent, { timestamp: 1, roomId: "room-1", ...message } as AnyMessage, 0);
  say(true, { type: "CREATE_ROOM", userId: "ann", userName: "Ann" });
  say(false, { type: "ROOM_CREATED", userId: "ann", resumed: false });
  say(true, { type: "WEBRTC_OFFER", userId: "ann", targetUserId: "bob", offer: {} });
  say(false, { type: "WEBRTC_ANSWER", userId: "bob", targetUserId: "ann", answer: {} });
  say(true, { type: "UNIFIED_SYNC", userId: "ann", targetUserId: "ann", action: "PLAY", time: 65, videoUrl: "" });
  say(true, { type: "CONTROL_MODE_CHANGE", userId: "ann", mode: "FREE_FOR_ALL" });
  say(false, { type: "USER_RENAMED", userId: "bob", newUserName: "Rob" });
  say(false, { type: "ROLE_CHANGED", userId: "bob", role: "COHOST", previousRole: "GUEST" });
  say(true, { type: "PATH_REPORT", userId: "ann", targetUserId: "bob", path: "DIRECT" });
  say(false, { type: "PATH", userId: "system", otherUserId: "bob", reason: "DIRECT" });
  say(false, { type: "ERROR", code: "NOT_HOST", error: "", retryable: false });
  assert.deepEqual(told.entries.map(arrow), [
    `ann plain ${server}: open a room`,
    `${server} plain ann: your room is open`,
    "ann relayed bob: offer",
    "bob relayed ann: answer",
    `ann plain ${server}: play at 1:05`,
    `ann relayed ${everyone}: everyone controls`,
    `${server} plain ann: Bob is now Rob`,
    `${server} plain ann: Bob is a cohost now`,
    `ann plain ${server}: a direct path to Bob`,
    `${server} plain ann: connected with Bob`,
    `${server} plain ann: no: not host`,
  ]);
});

test("pings and positions fold, but not over what is of more interest", () => {
  const told = journal();
  const ping = { type: "PING" } as AnyMessage;
  for (let i = 0; i < 3; i += 1) {
    told.frame(true, ping, i);
    told.frame(false, { type: "PONG", timestamp: 0 }, i);
    told.direct("ann", "bob", { type: "HOST_STATE_UPDATE", userId: "ann", timestamp: 0, state: "PLAYING", time: i }, i);
  }
  told.direct("bob", "ann", { type: "UNIFIED_SYNC", userId: "bob", timestamp: 0, action: "PAUSE", time: 3, videoUrl: "" }, 3);
  told.frame(true, ping, 4);
  assert.deepEqual(told.entries.map(arrow), [
    `ann plain ${server}: still there? ×3`,
    `${server} plain ann: still here ×3`,
    "ann direct bob: playing at 0:02 ×3",
    "bob direct ann: pause at 0:03",
    `ann plain ${server}: still there?`,
  ]);
});

test("the journal is bounded", () => {
  const told = journal();
  for (let i = 0; i < 500; i += 1) {
    told.frame(true, { type: "LEAVE_ROOM", roomId: "room-1", userId: "ann", timestamp: i }, i);
  }
  assert.equal(told.entries.length, 200);
  assert.equal(told.entries.at(-1)?.id, 500);
});

test("a message is shown without its tokens", () => {
  const tokens = { resumeToken: "secret", ownerToken: "secret", knockToken: "secret", passcode: "secret" };
  const text = messageText({ type: "JOIN_ROOM", roomId: "room-1", userId: "ann", userName: "Ann", timestamp: 1, ...tokens });
  assert.doesNotMatch(text, /secret/);
  assert.match(text, /"resumeToken": "•••"/);
  assert.match(text, /"ownerToken": "•••"/);
});

test("the address names a room, or none, or is broken", () => {
  const rows: [hash: string, invitation: ReturnType<typeof invitationIn>][] = [
    ["", { kind: "none" }],
    ["#", { kind: "none" }],
    ["#room-4f9a2c", { kind: "room", roomId: "room-4f9a2c", invite: "" }],
    ["#room-4f9a2c?invite=ab-_.cd.ef", { kind: "room", roomId: "room-4f9a2c", invite: "ab-_.cd.ef" }],
    ["#room-4f9a2c%E2%80%8B).", { kind: "room", roomId: "room-4f9a2c", invite: "" }],
    ["#room", { kind: "broken" }],
    ["#.", { kind: "broken" }],
  ];
  for (const [hash, invitation] of rows) {
    assert.deepEqual(invitationIn(hash), invitation, hash);
  }
});

test("the clip has an address that any browser can open, and is known by whichever server's", () => {
  assert.equal(clipName("https://usher.example/films/#room-4f9a2c"), "https://usher.example/films/leader.mp4#usher");
  assert.deepEqual([clipName("http://localhost:8787/"), "clip:leader", "https://usher.example/leader.mp4", "javascript:/leader.mp4#usher"].map(isClip), [
    true,
    true,
    false,
    false,
  ]);
  assert.equal(filmTitle(clipName("http://localhost:8787/")), "the usher clip");
});

test("films and times are called as people call them", () => {
  assert.deepEqual(["clip:leader", "file:holiday.mp4", "https://films.example:8443/a.mp4", "javascript:alert(1)"].map(filmTitle), [
    "the usher clip",
    "holiday.mp4",
    "films.example:8443",
    "a film",
  ]);
  assert.deepEqual(["data:video/mp4,", "blob:https://a.example/1", "nothing", "http://a.example/"].map(hostOf), ["", "", "", "a.example"]);
  assert.deepEqual([0, 65.9, 3723, NaN].map(clockText), ["0:00", "1:05", "1:02:03", "0:00"]);
});

test("people with one name are told apart, in the order in which they came", () => {
  const names = new Names();
  const told = (...users: [id: string, name: string][]): string[] => {
    names.learn({ users: users.map(([id, name]) => ({ id, name })) } as Parameters<Names["learn"]>[0], "c");
    return users.map(([id]) => names.called(id));
  };
  assert.deepEqual(told(["a", "Bob"], ["b", "Ann"], ["c", "Bob"], ["d", "Bob"]), ["Bob", "Ann", "Bob (2)", "Bob (3)"]);
  assert.equal(names.of("c"), "you");
  assert.deepEqual(told(["b", "Ann"], ["c", "Bob"], ["d", "Bob"]), ["Ann", "Bob", "Bob (2)"]);
});
