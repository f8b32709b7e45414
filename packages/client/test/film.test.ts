// The film and who may control it, as lists of rules.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { RoomState } from "@usher/types";
import { mayControl, parseSync } from "../dist/control.js";
import { actTime, filmOf, hostsWord, isNews, nextFilm, positionAt, type Film } from "../dist/film.js";
import { HostsMode, LegacyPeers, modeIn, type DirectMessage } from "../dist/legacy.js";
import type { MarkedSync } from "../dist/signaling.js";

const room = (controlMode: RoomState["controlMode"], videoState: Partial<RoomState["videoState"]> = {}): RoomState => ({
  id: "room-1",
  name: "Room",
  hostId: "ann",
  users: [
    { id: "cem", name: "Cem", isHost: false, role: "COHOST", isConnected: true, joinedAt: 0 },
    { id: "dan", name: "Dan", isHost: false, role: "VIEWER", isConnected: true, joinedAt: 0 },
  ],
  controlMode,
  followMode: "AUTO_FOLLOW",
  videoState: { isPlaying: false, currentTime: 0, duration: 0, playbackRate: 1, url: "", lastUpdated: 0, ...videoState },
  hostVideoState: null,
  hostCurrentUrl: null,
  createdAt: 0,
  lastActivity: 0,
});

test("who may control", () => {
  const rows: [RoomState["controlMode"], string, MarkedSync["type"], boolean][] = [
    ["HOST_ONLY", "ann", "UNIFIED_SYNC", true],
    ["HOST_ONLY", "bob", "UNIFIED_SYNC", false],
    ["HOST_ONLY", "bob", "HOST_STATE_UPDATE", false],
    ["HOST_ONLY", "bob", "CLIENT_REQUEST_PLAY", true],
    ["FREE_FOR_ALL", "bob", "UNIFIED_SYNC", true],
    ["FREE_FOR_ALL", "bob", "CONTROL_MODE_CHANGE", false],
    ["FREE_FOR_ALL", "ann", "CONTROL_MODE_CHANGE", true],
    ["HOST_ONLY", "cem", "UNIFIED_SYNC", true],
    ["HOST_ONLY", "cem", "CONTROL_MODE_CHANGE", false],
    ["HOST_ONLY", "dan", "CLIENT_REQUEST_PLAY", false],
    ["FREE_FOR_ALL", "dan", "UNIFIED_SYNC", false],
    ["FREE_FOR_ALL", "dan", "CLIENT_REQUEST_PLAY", false],
  ];
  for (const [mode, who, type, may] of rows) {
    assert.equal(mayControl(room(mode), who, type), may, `${mode}: ${who} ${type}`);
  }
});

test("what comes over a data channel is read as if its sender were a liar", () => {
  const good = { type: "UNIFIED_SYNC", userId: "ann", timestamp: 1, action: "PLAY", time: 3, videoUrl: "clip" };
  assert.deepEqual(parseSync(JSON.stringify(good), "ann"), good);
  const rows: Record<string, unknown> = {
    "another's name": { ...good, userId: "bob" },
    "an unknown type": { ...good, type: "FORMAT_DISK" },
    "a type of Object's": { ...good, type: "constructor" },
    "a signaling type": { ...good, type: "LEAVE_ROOM" },
    "an unknown action": { ...good, action: "REWIND" },
    "a time that is text": { ...good, time: "3" },
    "a time before the beginning": { ...good, time: -1 },
    "a time without end": { ...good, time: 1e300 },
    "an address that is none": { ...good, videoUrl: 7 },
    "a long address": { ...good, videoUrl: "x".repeat(2049) },
    "a mark that is none": { ...good, actedAt: "now" },
    "a missing field": { ...good, time: undefined },
    "no object": "text",
    "nothing": null,
  };
  for (const [what, message] of Object.entries(rows)) {
    assert.equal(parseSync(JSON.stringify(message), "ann"), undefined, what);
  }
  assert.equal(parseSync("{", "ann"), undefined);
  assert.equal(parseSync(new ArrayBuffer(2), "ann"), undefined);
});

test("the film is a line through the server's time", () => {
  const film: Film = { playing: true, time: 10, atMs: 1000, actedAtMs: 1000, url: "clip", isServers: false };
  assert.equal(positionAt(film, 3500), 12.5);
  assert.equal(positionAt({ ...film, playing: false }, 3500), 10);
  assert.equal(positionAt(film, 500), 10, "not before it was told");
});

test("the film after a message", () => {
  const film: Film = { playing: true, time: 10, atMs: 1000, actedAtMs: 1000, url: "clip", isServers: false };
  const sync = (action: "PLAY" | "PAUSE" | "SEEK", time: number, marks: object = {}): MarkedSync => ({
    type: "UNIFIED_SYNC",
    userId: "ann",
    timestamp: 0,
    action,
    time,
    videoUrl: "clip",
    ...marks,
  });
  const rows: [rule: string, before: Film | undefined, message: MarkedSync, after: Film | undefined][] = [
    ["a pause", film, sync("PAUSE", 12, { serverTime: 3000, actedAt: 3000 }), { ...film, playing: false, time: 12, atMs: 3000, actedAtMs: 3000 }],
    ["a seek plays on", film, sync("SEEK", 50, { serverTime: 3000, actedAt: 3000 }), { ...film, time: 50, atMs: 3000, actedAtMs: 3000 }],
    ["a seek before anything was played", undefined, sync("SEEK", 5), { playing: false, time: 5, atMs: 4000, actedAtMs: 4000, url: "clip", isServers: false }],
    ["an old client's message has no marks: now", film, sync("PAUSE", 12), { ...film, playing: false, time: 12, atMs: 4000, actedAtMs: 4000 }],
    ["who acted before is late", film, sync("PAUSE", 9, { serverTime: 3000, actedAt: 900 }), film],
    ["the host says again where it is", film, hostAt(11, 3000, 1000), { ...film, time: 11, atMs: 3000 }],
    ["but not against who acted since", { ...film, playing: false, actedAtMs: 2000 }, hostAt(11, 3000, 1000), { ...film, playing: false, actedAtMs: 2000 }],
    ["the same message over the other way", film, hostAt(10, 1000, 1000), film],
    [
      "a mark from the future counts as now",
      film,
      sync("PAUSE", 12, { serverTime: 9e9, actedAt: 9e9 }),
      { ...film, playing: false, time: 12, atMs: 6000, actedAtMs: 6000 },
    ],
    [
      "who acts on what is known acts later, also by a clock that is behind",
      film,
      sync("PAUSE", 9, { serverTime: 900, actedAt: actTime(film, 900) }),
      { ...film, playing: false, time: 9, atMs: 900, actedAtMs: 1001 },
    ],
    [
      "a play without a time goes on where it is",
      { ...film, playing: false },
      { type: "DIRECT_PLAY", userId: "ann", timestamp: 0 },
      { ...film, time: 10, atMs: 4000, actedAtMs: 4000 },
    ],
    [
      "a host who goes to another page",
      film,
      { type: "HOST_NAVIGATE", userId: "ann", timestamp: 0, url: "other" },
      { playing: false, time: 0, atMs: 4000, actedAtMs: 4000, url: "other", isServers: false },
    ],
    ["a host who goes to where the film is", film, { type: "HOST_NAVIGATE", userId: "ann", timestamp: 0, url: "clip" }, film],
    [
      "a message without an address is about the same film",
      film,
      { ...sync("PLAY", 12), videoUrl: "" } as MarkedSync,
      { ...film, time: 12, atMs: 4000, actedAtMs: 4000 },
    ],
    ["a request is for the host to answer", film, { type: "CLIENT_REQUEST_PAUSE", userId: "bob", timestamp: 0 }, film],
  ];
  for (const [rule, before, message, after] of rows) {
    assert.deepEqual(nextFilm(before, message, 4000), after, rule);
  }
});

function hostAt(time: number, serverTime: number, actedAt: number): MarkedSync {
  return { type: "HOST_STATE_UPDATE", userId: "ann", timestamp: 0, state: "PLAYING", time, hostVideoUrl: "clip", serverTime, actedAt };
}

test("the film as the server tells it gives way to whoever was there", () => {
  assert.equal(filmOf(room("HOST_ONLY")), undefined, "nobody has played anything");
  const film = filmOf(room("HOST_ONLY", { isPlaying: true, currentTime: 7, url: "clip", lastUpdated: 5000 }));
  assert.deepEqual(film, { playing: true, time: 7, atMs: 5000, actedAtMs: 0, url: "clip", isServers: true });
  assert.equal(nextFilm(film, hostAt(7.1, 5000, 4950), 6000)?.time, 7.1);
});

test("what the server tells on a return is news where an act was missed", () => {
  const film: Film = { playing: true, time: 10, atMs: 1000, actedAtMs: 1000, url: "clip", isServers: false };
  const told: Film = { ...film, time: 12, atMs: 3050, actedAtMs: 0, isServers: true };
  const rows: [rule: string, told: Film, isNews: boolean][] = [
    ["the same line, heard of again later", told, false],
    ["a pause", { ...told, playing: false }, true],
    ["a seek", { ...told, time: 40 }, true],
    ["another film", { ...told, url: "other" }, true],
    ["a server that was killed and has forgotten the last act", { ...told, playing: false, atMs: 900 }, false],
  ];
  for (const [rule, word, want] of rows) {
    assert.equal(isNews(word, film, 4000), want, rule);
  }
});

test("a host that has the film from the server is believed by whoever knows better when somebody acted", () => {
  const theirs: Film = { playing: true, time: 7, atMs: 4980, actedAtMs: 4980, url: "clip", isServers: false };
  const fromServer = filmOf(room("HOST_ONLY", { isPlaying: true, currentTime: 7, url: "clip", lastUpdated: 5000 }));
  assert.ok(fromServer !== undefined && fromServer.actedAtMs < theirs.actedAtMs);
  const word = { ...hostsWord(fromServer, 7.4, 6000, "clip"), userId: "ann", timestamp: 0 };
  assert.equal(nextFilm(theirs, word, 6000)?.time, 7.4);
  assert.equal(
    nextFilm(theirs, { ...hostsWord(theirs, 7.4, 6000, "clip"), userId: "ann", timestamp: 0 }, 6000)?.actedAtMs,
    4980,
    "its own film stays the same act",
  );
});

test("a legacy participant is told what it obeys", () => {
  const page = "https://example.org/film.mp4";
  const film: Film = { playing: true, time: 10, atMs: 1000, actedAtMs: 1000, url: page, isServers: false };
  const play: DirectMessage = { type: "UNIFIED_SYNC", action: "PLAY", time: 10, videoUrl: page };
  const seek: DirectMessage = { ...play, action: "SEEK" };
  const update: DirectMessage = { type: "HOST_STATE_UPDATE", state: "PLAYING", time: 10, hostVideoUrl: page };
  const request: DirectMessage = { type: "CLIENT_REQUEST_PLAY" };
  const mode: DirectMessage = { type: "CONTROL_MODE_CHANGE", mode: "FREE_FOR_ALL" };
  const clip = { ...film, url: "clip" };
  const rows: [rule: string, mode: RoomState["controlMode"], message: DirectMessage, film: Film | undefined, told: object[]][] = [
    [
      "the first word comes with the page",
      "HOST_ONLY",
      play,
      film,
      [
        { type: "HOST_NAVIGATE", url: page },
        { type: "HOST_STATE_UPDATE", state: "PLAYING", time: 12, hostVideoUrl: page },
      ],
    ],
    ["later ones do not", "HOST_ONLY", play, film, [{ type: "HOST_STATE_UPDATE", state: "PLAYING", time: 12, hostVideoUrl: page }]],
    [
      "a pause",
      "HOST_ONLY",
      { ...play, action: "PAUSE" },
      { ...film, playing: false },
      [{ type: "HOST_STATE_UPDATE", state: "PAUSED", time: 10, hostVideoUrl: page }],
    ],
    ["a seek", "HOST_ONLY", seek, film, [{ type: "HOST_STATE_UPDATE", state: "PLAYING", time: 12, hostVideoUrl: page }]],
    ["the host's word", "HOST_ONLY", update, film, [{ type: "HOST_STATE_UPDATE", state: "PLAYING", time: 12, hostVideoUrl: page }]],
    ["a name that is no address of a page", "HOST_ONLY", play, clip, [{ type: "HOST_STATE_UPDATE", state: "PLAYING", time: 12, hostVideoUrl: "clip" }]],
    ["an act of anybody", "FREE_FOR_ALL", seek, film, [seek]],
    ["the host's word when all control", "FREE_FOR_ALL", update, film, [{ type: "UNIFIED_SYNC", action: "PLAY", time: 12, videoUrl: page }]],
    ["a request stays what it is", "HOST_ONLY", request, film, [request]],
    ["the mode stays what it is", "HOST_ONLY", mode, film, [mode]],
    ["before anything was played", "HOST_ONLY", play, undefined, [play]],
  ];
  const peers = new LegacyPeers();
  peers.learn("bob", false);
  for (const [rule, controlMode, message, known, told] of rows) {
    const words = peers.wordsFor("bob", message, controlMode, known, 3000);
    assert.deepEqual(
      words.map((word) => ({ ...word, serverTime: undefined, actedAt: undefined })),
      told.map((word) => ({ ...word, serverTime: undefined, actedAt: undefined })),
      rule,
    );
    assert.deepEqual(peers.wordsFor("cem", message, controlMode, known, 3000), [message], `${rule}: not for others`);
  }
  peers.learn("bob", true);
  assert.deepEqual(peers.wordsFor("bob", play, "HOST_ONLY", film, 3000), [play], "it has come back as another client");
});

test("the mode that a host tells of by data channel holds until something newer", () => {
  const served = room("HOST_ONLY");
  const rows: [rule: string, rooms: RoomState[], mode: RoomState["controlMode"]][] = [
    ["at once", [], "FREE_FOR_ALL"],
    ["whatever the server says of other things", [{ ...served, name: "Renamed" }], "FREE_FOR_ALL"],
    ["until the server has another one", [room("FREE_FOR_ALL"), served], "HOST_ONLY"],
    ["or somebody else is host", [{ ...served, hostId: "bob" }, served], "HOST_ONLY"],
  ];
  for (const [rule, rooms, want] of rows) {
    const mode = new HostsMode();
    mode.tell("FREE_FOR_ALL", served);
    const reloaded = new HostsMode(mode.told);
    for (const each of [mode, reloaded]) {
      rooms.forEach((next) => each.follow(next));
      assert.equal(each.in(rooms.at(-1) ?? served).controlMode, want, rule);
    }
  }
});

test("a legacy host shows the mode by how it says where the film is", () => {
  const from = { roomId: "room-1", userId: "ann", timestamp: 0 };
  const rows: [message: Parameters<typeof modeIn>[0], mode: ReturnType<typeof modeIn>][] = [
    [{ ...from, type: "UNIFIED_SYNC", action: "PLAY", time: 1, videoUrl: "" }, "FREE_FOR_ALL"],
    [{ ...from, type: "HOST_STATE_UPDATE", state: "PLAYING", time: 1 }, "HOST_ONLY"],
    [{ ...from, type: "HOST_NAVIGATE", url: "https://example.org/" }, undefined],
  ];
  for (const [message, mode] of rows) {
    assert.equal(modeIn(message, true), mode, message.type);
    assert.equal(modeIn(message, false), undefined, `${message.type} of a host who tells the server`);
  }
  assert.equal(modeIn({ ...from, type: "CONTROL_MODE_CHANGE", mode: "FREE_FOR_ALL" }, false), "FREE_FOR_ALL");
});
