// What a client's own bytes get as a response from `wrangler dev`: handshakes, requests and the end
// of a connection.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { Dev, until } from "./dev.ts";
import { handshake, Opcode, RawSocket } from "./raw.ts";

let storage = "";
let dev: Dev;

before(async () => {
  storage = await mkdtemp(path.join(os.tmpdir(), "usher-worker-"));
  dev = await Dev.start(storage);
});

after(async () => {
  await dev.kill();
  await rm(storage, { recursive: true, force: true });
});

/**
 * Waits until the server has ended the connection, and checks that it sent one close frame before.
 */
async function closed(socket: RawSocket, want: string): Promise<void> {
  await until(`the connection ends; closes so far: ${JSON.stringify(socket.closes)}`, () => socket.ended);
  assert.deepEqual(socket.closes, [want]);
}

/**
 * Nothing but these happens to the room, so that its object is dropped from memory after ten
 * seconds.
 */
async function hibernated(made: number): Promise<void> {
  const end = Date.now() + 12_000;
  await until("twelve seconds", () => Date.now() > end);
  assert.equal(dev.logged("object made").length, made, "nothing has woken a room");
}

describe("a client's Close is answered", () => {
  const codes = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4000, 4999];
  const rows: readonly (readonly [what: string, code: number | undefined, reason: string | Uint8Array, want: string])[] = [
    ...codes.map((code) => [`${code}, by the same code`, code, "bye", `${code}`] as const),
    ["no code, by none", undefined, "", ""],
    ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000].map((code) => [`${code}, by 1002`, code, "bye", "1002 protocol error"] as const),
    ["a reason that is not UTF-8, by 1007", 1000, new Uint8Array([0xff]), "1007 invalid UTF-8"],
  ];
  for (const [i, [what, code, reason, want]] of rows.entries()) {
    test(what, async () => {
      const socket = await RawSocket.open(dev, `close-room-${i}`);
      await socket.join("CREATE_ROOM", `close-room-${i}`, "ann");
      socket.close(code, reason);
      await closed(socket, want);
    });
  }

  test("only 1000 is a wish to leave", async () => {
    const ann = await RawSocket.open(dev, "wish-room-1");
    await ann.join("CREATE_ROOM", "wish-room-1", "ann", { protocol: 1 });
    const leaves = async (code: number, reason: Uint8Array, want: string): Promise<void> => {
      const bob = await RawSocket.open(dev, "wish-room-1");
      await bob.join("JOIN_ROOM", "wish-room-1", `bob-${want}`, { protocol: 1 });
      bob.close(code, reason);
      await until(`ann sees ${want}`, () => ann.texts.some((text) => text.startsWith(`{"type":"${want}"`)));
      assert.ok(ann.texts.at(-1)?.includes(`"leftUserId":"bob-${want}"`));
    };
    await leaves(1000, new Uint8Array(), "USER_LEFT");
    await leaves(1000, new Uint8Array([0xff]), "USER_DISCONNECTED");
  });

  test("on a socket that never joined", async () => {
    const socket = await RawSocket.open(dev, "unseated-1");
    socket.close(1001);
    await closed(socket, "1001");
  });

  test("on a parked socket", async () => {
    const old = await RawSocket.open(dev, "parked-room-1");
    await old.join("CREATE_ROOM", "parked-room-1", "ann");
    const newer = await RawSocket.open(dev, "parked-room-1");
    await newer.join("JOIN_ROOM", "parked-room-1", "ann");
    old.close(4000);
    await closed(old, "4000");
    assert.deepEqual(newer.closes, []);
  });

  test("once, if the server has closed first", async () => {
    const socket = await RawSocket.open(dev, "server-closes-1");
    socket.send(Opcode.binary, "x");
    await until("the server's close", () => socket.closes.length > 0);
    socket.close(1003);
    await closed(socket, "1003 text frames only");
  });

  test("and so is the end of its half of the connection", async () => {
    const socket = await RawSocket.open(dev, "half-open-1");
    await socket.join("CREATE_ROOM", "half-open-1", "ann");
    socket.end();
    await closed(socket, "1002 protocol error");
  });

  test("by an object that has hibernated, whatever the socket is to it", async () => {
    const [ann, bob, late] = (await Promise.all(["ann", "bob", "late"].map(() => RawSocket.open(dev, "asleep-room-1")))) as [RawSocket, RawSocket, RawSocket];
    await ann.join("CREATE_ROOM", "asleep-room-1", "ann");
    const newer = await RawSocket.open(dev, "asleep-room-1");
    await newer.join("JOIN_ROOM", "asleep-room-1", "ann");
    await bob.join("JOIN_ROOM", "asleep-room-1", "bob");
    late.send(Opcode.binary, "x");
    await until("the server's close", () => late.closes.length > 0);
    const made = dev.logged("object made").length;
    await hibernated(made);
    for (const [socket, code, want] of [
      [ann, 4000, "4000"],
      [late, 1003, "1003 text frames only"],
      [bob, 1000, "1000"],
      [newer, 1001, "1001"],
    ] as const) {
      socket.close(code);
      await closed(socket, want);
    }
    await until("the log has the new object", () => dev.logged("object made").length === made + 1);
  });
});

describe("a WebSocket", () => {
  for (const target of [
    "/ws?roomId=target-1",
    "/ws/?roomId=target-1",
    "/ws?roomId=target-1&lastroomId=x",
    "/ws?roomId=older-1?roomId=target-1",
    "/rooms/target-1/ws",
    "/rooms/target-1/ws/",
  ]) {
    test(`of ${target} is one of room target-1`, async () => {
      const socket = await RawSocket.ask(dev, handshake(dev, target));
      assert.equal(socket.status, 101);
      socket.say({ type: "JOIN_ROOM", roomId: "target-1", userId: "ann", userName: "Ann" });
      await until("a reply", () => socket.texts.length > 0);
      assert.match(socket.texts[0] ?? "", /"code":"ROOM_NOT_FOUND"/);
      socket.cut();
    });
  }

  for (const [what, change, status] of [
    ["without Upgrade", (line: string) => line.replace(/^Upgrade: websocket$/, "Accept: */*"), 426],
    ["of another version", (line: string) => line.replace("Version: 13", "Version: 8"), 426],
    ["by HEAD", (line: string) => line.replace(/^GET /, "HEAD "), 400],
    ["by POST", (line: string) => line.replace(/^GET /, "POST "), 400],
    ["without a key", (line: string) => line.replace(/^Sec-WebSocket-Key: .*/, "Accept: */*"), 400],
  ] as const) {
    test(`is refused to a handshake ${what}`, async () => {
      const socket = await RawSocket.ask(dev, handshake(dev, "/ws?roomId=refused-1").map(change));
      assert.equal(socket.status, status);
      if (status === 426) {
        assert.equal(socket.header("Sec-WebSocket-Version"), "13");
      }
      socket.cut();
    });
  }

  test("of HTTP/1.0 opens no connection", async () => {
    const socket = await RawSocket.ask(
      dev,
      handshake(dev, "/ws?roomId=http-1-0").map((line) => line.replace("HTTP/1.1", "HTTP/1.0")),
    );
    await until("the end", () => socket.ended);
    assert.deepEqual(socket.frames, []);
  });
});

/**
 * What the platform makes of frames before the object hears of them. docs/cloudflare.md lists it.
 */
describe("a frame", () => {
  const message = '{"type":"NOPE"}'; // the reply is UNKNOWN_TYPE
  const masked = (first: number, length: readonly number[], payload = message): Buffer =>
    Buffer.concat([Buffer.from([first, 0x80 | (length[0] ?? 0), ...length.slice(1), 0, 0, 0, 0]), Buffer.from(payload)]);
  const whole = (first: number): Buffer => masked(first, [message.length]);
  const rows: readonly (readonly [what: string, bytes: Uint8Array, want: RegExp])[] = [
    ["with a reserved bit", whole(0xc1), /^8:1002 /],
    ["with another reserved bit", whole(0x91), /^8:1002 /],
    ["with a reserved opcode", whole(0x83), /^8:1002 /],
    ["with a reserved opcode of a control frame", whole(0x8b), /^8:1002 /],
    ["that is half a PING", masked(0x09, [2], "hi"), /^8:1002 /],
    ["that goes on with nothing", whole(0x80), /^8:1002 /],
    ["inside another message", Buffer.concat([whole(0x01), whole(0x81)]), /^8:1002 /],
    ["that says it is too large", masked(0x81, [127, 0x7f, 255, 255, 255, 255, 255, 255, 255]), /^8:1009 /],
    ["whose length has its top bit set", masked(0x81, [127, 0x80, 0, 0, 0, 0, 0, 0, message.length]), /^8:1009 /],
    ["that goes on over what a message may have", Buffer.concat([whole(0x01), masked(0x80, [127, 0x7f, 255, 255, 255, 255, 255, 255, 255])]), /^8:1009 /],
    ["that is not masked", Buffer.concat([Buffer.from([0x81, message.length]), Buffer.from(message)]), /^1:.*UNKNOWN_TYPE/],
    ["whose length is longer than it need be", masked(0x81, [126, 0, message.length]), /^1:.*UNKNOWN_TYPE/],
    ["that is a PING of 126 bytes", masked(0x89, [126, 0, 126], "p".repeat(126)), /^10:p{126}$/],
    ["that is empty", masked(0x81, [0], ""), /^1:.*INVALID_JSON/],
    [
      "in three parts with a PING between them",
      Buffer.concat([
        masked(0x01, [5], message.slice(0, 5)),
        masked(0x89, [1], "x"),
        masked(0x00, [0], ""),
        masked(0x80, [message.length - 5], message.slice(5)),
      ]),
      /^10:x 1:.*UNKNOWN_TYPE/,
    ],
  ];
  for (const [what, bytes, want] of rows) {
    test(what, async () => {
      const socket = await RawSocket.open(dev, "frames-room-1");
      socket.write(bytes);
      const seen = (): string =>
        socket.frames.map(({ opcode, payload }) => `${opcode}:${opcode === Opcode.close ? `${payload.readUInt16BE(0)} ` : payload.toString()}`).join(" ");
      await until(`${want}; so far ${seen()}`, () => want.test(seen()));
      socket.cut();
    });
  }
});

test("a message of 64 KiB passes, and one byte more does not", async () => {
  const largest = `{"type":"NOPE","x":"${"y".repeat((64 << 10) - 22)}"}`;
  for (const [message, want] of [
    [largest, "1:UNKNOWN_TYPE"],
    [`${largest} `, "8:1009 frame too large"],
  ] as const) {
    const socket = await RawSocket.open(dev, "size-room-1");
    socket.send(Opcode.text, message);
    await until("a reply", () => socket.frames.length > 0);
    assert.deepEqual(
      [...socket.closes.map((close) => `8:${close}`), ...socket.texts.map((text) => `1:${(JSON.parse(text) as { code: string }).code}`)],
      [want],
    );
    socket.cut();
  }
});

test("ICE servers may be kept by the client, so that a fetch before a rejoin needs no connection", async () => {
  const response = await fetch(`http://${dev.address}/turn-credentials?userId=u`);
  assert.equal(response.headers.get("Cache-Control"), "private, max-age=600");
});
