// The parts that need no socket, as lists of rules.

import assert from "node:assert/strict";
import { test } from "node:test";

import { chromeStore, memoryStore, webStore, type SeatStore } from "@usher/client";
import { delayMs, isFinal } from "../dist/backoff.js";
import { ServerClock } from "../dist/clock.js";
import { Emitter } from "../dist/emitter.js";

test("a close code says whether to connect again", () => {
  for (const code of [1000, 1002, 1003, 1007, 1009, 4001, 4002, 4003, 4004, 4005]) {
    assert.equal(isFinal(code), true, `${code}`);
  }
  for (const code of [1001, 1005, 1006, 1011, 1012, 1013, 4008, 4029, 4999]) {
    assert.equal(isFinal(code), false, `${code}`);
  }
});

test("the wait before the next connection", () => {
  const rows: [rule: string, attempt: number, closeCode: number, least: number, most: number][] = [
    ["a lost connection is tried again almost at once", 0, 1006, 0, 200],
    ["then the wait doubles", 1, 1006, 125, 250],
    ["and doubles", 2, 1006, 250, 500],
    ["up to 16 s", 20, 1006, 8000, 16_000],
    ["a restart spreads its clients over 3 s", 0, 1012, 0, 3000],
    ["a server without a place is left alone for 1 s", 0, 1013, 1000, 1500],
    ["and then for twice as long", 1, 1013, 2000, 3000],
    ["a rate needs 5 s to recover", 0, 4029, 5000, 7500],
  ];
  for (const [rule, attempt, closeCode, least, most] of rows) {
    assert.equal(delayMs(attempt, closeCode, 0), least, rule);
    assert.equal(delayMs(attempt, closeCode, 1), most, rule);
  }
});

test("the server's clock is that of the quickest reply", (context) => {
  const clock = new ServerClock();
  assert.ok(Math.abs(clock.now() - Date.now()) < 1000, "without a reply it is this machine's");
  assert.equal(clock.errorMs, Infinity);
  const now = performance.now();
  context.mock.method(performance, "now", () => now); // no time passes between two readings
  const off = (): number => clock.now() - now;
  clock.add(now + 5100, now - 400, now); // an offset of 5300, wrong by up to 200
  assert.ok(Math.abs(off() - 5300) < 1);
  clock.add(now + 5190, now - 20, now);
  assert.ok(Math.abs(off() - 5200) < 1, "wrong by up to 10");
  clock.add(now + 4950, now - 300, now);
  assert.ok(Math.abs(off() - 5200) < 1, "a slow reply that may be right changes nothing");
  clock.add(now + 9000, now - 100, now);
  assert.ok(Math.abs(off() - 9050) < 1, "what cannot be of the same clock is of another one");
});

test("a listener that throws does not keep the others from hearing", (context) => {
  class Bell extends Emitter<{ ring: number }> {
    ring(times: number): void {
      this.emit("ring", times);
    }
  }
  const bell = new Bell();
  const heard: number[] = [];
  bell.on("ring", () => {
    throw new Error("deaf");
  });
  const stop = bell.on("ring", (times) => heard.push(times));
  const later = context.mock.method(globalThis, "queueMicrotask", () => undefined);
  bell.ring(1);
  stop();
  bell.ring(2);
  assert.deepEqual(heard, [1]);
  const thrower = later.mock.calls[0]?.arguments[0] as () => void;
  assert.throws(thrower, /deaf/, "it is thrown, and nobody else is hurt");
});

test("every store gives back what was kept, and nothing else", async () => {
  const map = new Map<string, string>();
  const webStorage = {
    getItem: (key: string) => map.get(key) ?? null,
    setItem: (key: string, value: string) => void map.set(key, value),
    removeItem: (key: string) => void map.delete(key),
  };
  let area: Record<string, unknown> = {};
  const chromeArea = {
    get: (key: string) => Promise.resolve(key in area ? { [key]: area[key] } : {}),
    set: (items: Record<string, unknown>) => Promise.resolve(void (area = { ...area, ...items })),
    remove: (key: string) => Promise.resolve(void delete area[key]),
  };
  const seat = { roomId: "room-1", userId: "ann", userName: "Ann", resumeToken: "secret" };
  const stores: Record<string, SeatStore> = { memory: memoryStore(), web: webStore(webStorage), chrome: chromeStore(chromeArea) };
  for (const [name, store] of Object.entries(stores)) {
    assert.equal(await store.load(), undefined, name);
    await store.save(seat);
    assert.deepEqual(await store.load(), seat, name);
    await store.clear();
    assert.equal(await store.load(), undefined, name);
  }
  for (const broken of ["", "{", "null", "7", `{"roomId":"room-1"}`]) {
    map.set("usher.seat", broken);
    assert.equal(await webStore(webStorage).load(), undefined, broken);
  }
});
