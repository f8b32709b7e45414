// The room as the client knows it: as the server describes it, and if it says only what changed, by
// that.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RoomClient, type ResponseMessage, type Role, type RoomState, type ServerMessage } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { isOfRoom, roomAfter } from "../dist/roster.js";
import { roomOf, ScriptedServer, user, type Frame } from "./scripted.ts";

const ann = user("ann");
const bob = user("bob", { joinedAt: 1 });
const cem = user("cem", { joinedAt: 2 });
const room = roomOf("room-1", [ann, bob]);
const letters: Readonly<Record<Role, string>> = { HOST: "*", COHOST: "+", GUEST: "", VIEWER: "-" };
/** The room as its users see it: who is in it, who is away, and each person's role. */
const look = (state: RoomState | undefined): string =>
  (state?.users ?? []).map(({ id, name, role, isConnected }) => `${name === id ? id : `${id}=${name}`}${letters[role]}${isConnected ? "" : "?"}`).join(" ") +
  (state?.users.some(({ id, isHost, role }) => isHost !== (id === state.hostId) || isHost !== (role === "HOST")) === true ? " and hostId disagrees" : "");

const rows: [rule: string, before: RoomState, message: object, after: string][] = [
  ["somebody new is last", room, { type: "USER_JOINED", joinedUser: cem }, "ann* bob cem"],
  ["somebody who is listed already stays in place", room, { type: "USER_JOINED", joinedUser: { ...bob, name: "Bob" } }, "ann* bob=Bob"],
  ["and is connected again", roomOf("room-1", [ann, { ...bob, isConnected: false }]), { type: "USER_JOINED", joinedUser: bob }, "ann* bob"],
  [
    "a host that returns is the only host",
    roomOf("room-1", [bob, ann]),
    { type: "USER_JOINED", joinedUser: { ...ann, isHost: true, role: "HOST" } },
    "bob ann*",
  ],
  ["somebody leaves", room, { type: "USER_LEFT", leftUserId: "bob" }, "ann*"],
  ["the host leaves", room, { type: "USER_LEFT", leftUserId: "ann", newHostId: "bob" }, "bob*"],
  ["somebody unknown leaves", room, { type: "USER_LEFT", leftUserId: "zoe" }, "ann* bob"],
  [
    "a seat that is still held is listed, whatever the type says",
    room,
    { type: "USER_LEFT", leftUserId: "bob", roomState: roomOf("room-1", [ann, { ...bob, isConnected: false }]) },
    "ann* bob?",
  ],
  ["a lost connection", room, { type: "USER_DISCONNECTED", leftUserId: "ann" }, "ann*? bob"],
  ["one that is back", roomOf("room-1", [{ ...ann, isConnected: false }, bob]), { type: "USER_RECONNECTED", reconnectedUserId: "ann" }, "ann* bob"],
  ["a new name", room, { type: "USER_RENAMED", userId: "bob", newUserName: "Bob" }, "ann* bob=Bob"],
  ["a new host", room, { type: "HOST_CHANGED", newHostId: "bob", previousHostId: "ann" }, "ann bob*"],
  ["a cohost", room, { type: "ROLE_CHANGED", userId: "bob", role: "COHOST", previousRole: "GUEST" }, "ann* bob+"],
  ["a viewer stays one", roomOf("room-1", [ann, { ...bob, role: "VIEWER" }, cem]), { type: "USER_LEFT", leftUserId: "ann", newHostId: "cem" }, "bob- cem*"],
  ["a cohost who becomes host", roomOf("room-1", [ann, { ...bob, role: "COHOST" }]), { type: "HOST_CHANGED", newHostId: "bob" }, "ann bob*"],
  ["the room as the server describes it", room, { type: "USER_JOINED", joinedUser: cem, roomState: roomOf("room-1", [cem]) }, "cem*"],
];

test("the room after a message", () => {
  for (const [rule, before, message, after] of rows) {
    const copy = structuredClone(before);
    assert.equal(look(roomAfter(before, message as Extract<ResponseMessage, { type: "USER_JOINED" }>)), after, rule);
    assert.deepEqual(before, copy, `${rule}: the room before is not changed`);
  }
  assert.equal(roomAfter(room, { type: "ROOM_RENAMED", newRoomName: "Films" } as Extract<ResponseMessage, { type: "ROOM_RENAMED" }>)?.name, "Films");
  assert.equal(roomAfter(undefined, rows[0]?.[2] as Extract<ResponseMessage, { type: "USER_JOINED" }>), undefined, "there is none to change");
});

test("what others had relayed is not about the room", () => {
  for (const type of ["WEBRTC_OFFER", "HOST_STATE_UPDATE", "CONTROL_MODE_CHANGE", "PONG", "ERROR", "UNDELIVERED", "constructor", "toString"]) {
    assert.equal(isOfRoom({ type, roomState: room } as unknown as ServerMessage), false, type);
  }
});

test("a client follows a server that does not repeat the room", async (t) => {
  const server = await ScriptedServer.start();
  const client = new RoomClient({ url: server.url });
  t.after(() => {
    client.close();
    return server.close();
  });
  const heard: string[] = [];
  client.on("message", ({ type }) => heard.push(`${type}: ${look(client.room)}`));
  await client.create({ userName: "ann", userId: "ann" });
  const link = await server.link(0);
  const frames: Frame[] = [
    { type: "USER_JOINED", joinedUser: bob },
    { type: "USER_LEFT", leftUserId: "bob", roomState: roomOf("room-1", [ann, { ...bob, isConnected: false }]) },
    { type: "USER_JOINED", joinedUser: bob },
    { type: "USER_LEFT", leftUserId: "bob" },
  ];
  for (const frame of frames) {
    link.say({ roomId: "room-1", userId: "system", ...frame });
  }
  await until("all have come", () => heard.some((line) => line === "USER_LEFT: ann*"));
  assert.deepEqual(
    heard.filter((line) => !line.startsWith("PONG")),
    ["ROOM_CREATED: ann*", "USER_JOINED: ann* bob", "USER_LEFT: ann* bob?", "USER_JOINED: ann* bob", "USER_LEFT: ann*"],
  );
});

test("a refusal that may pass is waited out on a return, and told at a first try", async (t) => {
  const server = await ScriptedServer.start();
  t.after(() => server.close());
  for (const [code, closeCode] of [
    ["ROOM_BUSY", 0],
    ["SEAT_HELD", 1013],
    ["STORAGE_UNAVAILABLE", 0],
  ] as const) {
    const refuses = (link: { refuse(frame: Frame, code: string, fields: object): void; close(code: number): void }, frame: Frame): void => {
      link.refuse(frame, code, { retryable: true });
      if (closeCode !== 0) {
        link.close(closeCode);
      }
    };
    server.replies = { JOIN_ROOM: refuses };
    const joining = new RoomClient({ url: server.url });
    await assert.rejects(joining.join({ roomId: "room-1", userName: "Ann" }), { name: "RoomError", code, retryable: true });
    assert.equal(joining.status.state, "ended");

    server.replies = {};
    const client = new RoomClient({ url: server.url });
    t.after(() => client.close());
    await client.create({ userName: "Ann" });
    server.replies = { JOIN_ROOM: refuses };
    server.links.at(-1)?.cut();
    await until(`it waits after ${code}`, () => client.status.state === "waiting" && client.status.attempt > 1);
    server.replies = {};
    await until(`it is seated after ${code}`, () => client.status.state === "seated");
  }
});
