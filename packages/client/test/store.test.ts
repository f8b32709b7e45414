// Where a seat is kept: stores that fail, and seats that two pages have.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, test, type TestContext } from "node:test";
import { Worker } from "node:worker_threads";
import path from "node:path";

import { chromeStore, claimed, memoryStore, newUserId, RoomClient, webStore, type SeatStore, type StoredSeat } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { ScriptedServer, seatToken } from "./scripted.ts";

const seat: StoredSeat = { roomId: "room-1", userId: "ann", userName: "Ann", resumeToken: seatToken };
const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown): void => void unhandled.push(reason);

before(() => process.on("unhandledRejection", noteUnhandled));
after(() => {
  process.off("unhandledRejection", noteUnhandled);
  assert.deepEqual(unhandled, []);
});

async function begin(t: TestContext): Promise<{ server: ScriptedServer; newClient: (store: SeatStore) => RoomClient }> {
  const server = await ScriptedServer.start();
  const clients: RoomClient[] = [];
  t.after(async () => {
    clients.forEach((client) => client.close());
    await server.close();
  });
  const newClient = (store: SeatStore): RoomClient => {
    const client = new RoomClient({ url: server.url, store });
    clients.push(client);
    return client;
  };
  return { server, newClient };
}

const error = new DOMException("The quota has been exceeded.", "QuotaExceededError");
const fail = (): never => {
  throw error;
};
const reject = (): Promise<never> => Promise.reject(error);

const failing: Record<string, SeatStore> = {
  "rejects": { load: reject, save: reject, clear: reject },
  "throws": { load: fail, save: fail, clear: fail },
  "is a blocked sessionStorage": webStore(() => fail()),
  "is a sessionStorage whose methods throw": webStore({ getItem: fail, setItem: fail, removeItem: fail }),
  "is full": webStore({ getItem: () => null, setItem: fail, removeItem: () => undefined }),
  "is a chrome.storage that rejects": chromeStore({ get: reject, set: reject, remove: reject }),
  "is a claimed one that throws": claimed({ load: fail, save: fail, clear: fail }),
  "gives what is no seat": { load: () => Promise.resolve({ roomId: 7 } as unknown as StoredSeat), save: reject, clear: reject },
};

for (const [what, store] of Object.entries(failing)) {
  test(`a store that ${what} costs the memory of the seat and nothing else`, async (t) => {
    const { server, newClient } = await begin(t);
    const client = newClient(store);
    assert.equal(await client.resume(), undefined);
    assert.equal((await client.create({ userName: "Ann" })).type, "ROOM_CREATED");
    (await server.link(0)).cut();
    const again = await server.link(1);
    assert.equal((await again.next("JOIN_ROOM"))["resumeToken"], seatToken, "the client itself knows its seat");
    await until("it is seated again", () => client.status.state === "seated");
    await client.leave();
    assert.equal(client.status.state, "ended");
    await until("the connection is closed", () => server.openLinks.length === 0);
  });
}

test("a store that never answers is waited for, but not for ever", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const never = (): Promise<never> => new Promise(() => undefined);
  const client = new RoomClient({ url: "ws://127.0.0.1:1/ws", store: { load: never, save: never, clear: never } });
  const resumed = client.resume();
  await Promise.resolve();
  t.mock.timers.tick(10_000);
  assert.equal(await resumed, undefined);
  const left = client.leave();
  await Promise.resolve();
  t.mock.timers.tick(10_000);
  await left;
});

test("what is saved late does not outlive what was forgotten after it", async (t) => {
  const { newClient } = await begin(t);
  const memory = memoryStore();
  const client = newClient({ ...memory, save: async (kept) => (await pause(50), memory.save(kept)) });
  await client.create({ userName: "Ann" });
  await client.leave();
  assert.equal(await memory.load(), undefined);
});

test("a client leaves alone what another has put into a shared store", async (t) => {
  const { server, newClient } = await begin(t);
  const ends: [rule: string, end: (client: RoomClient, n: number) => unknown][] = [
    ["it leaves", (client) => client.leave()],
    ["it loses its seat to a newer connection", async (_client, n) => (await server.link(n)).close(4003)],
    ["its room ends", async (_client, n) => (await server.link(n)).close(4004)],
    ["it is told to go", async (_client, n) => (await server.link(n)).close(1000)],
  ];
  for (const [rule, end] of ends) {
    const store = memoryStore();
    const first = newClient(store);
    await first.create({ userName: "Ann", userId: "ann" });
    await store.save({ ...seat, userId: "bob" });
    await end(first, server.links.length - 1);
    await until(`the first has ended when ${rule}`, () => first.status.state === "ended");
    await pause(10);
    assert.equal((await store.load())?.userId, "bob", rule);
  }
});

test("a seat that was taken over by its token stays in the store, which may be its new owner's", async (t) => {
  const { server, newClient } = await begin(t);
  const store = memoryStore();
  const client = newClient(store);
  await client.create({ userName: "Ann" });
  (await server.link(0)).close(4003);
  await until("it has ended", () => client.status.state === "ended");
  await pause(10);
  assert.equal((await store.load())?.userId, client.userId);
});

test("a reply without a token keeps the one that there is", async (t) => {
  const { server, newClient } = await begin(t);
  const store = memoryStore();
  await store.save(seat);
  server.replies = { JOIN_ROOM: (link, frame) => link.seat(frame, { resumeToken: undefined }) };
  await newClient(store).resume();
  await until("it is stored", async () => (await store.load())?.resumeToken === seatToken);

  const without = memoryStore();
  const legacy = newClient(without);
  await legacy.join({ roomId: "room-1", userName: "Bob" });
  await until("it is stored", async () => (await without.load())?.resumeToken === "");
  (await server.link(1)).cut();
  const again = await (await server.link(2)).next("JOIN_ROOM");
  assert.equal("resumeToken" in again, false);
});

test("a new name is kept with the seat", async (t) => {
  const { server, newClient } = await begin(t);
  const store = memoryStore();
  server.replies = {
    RENAME_USER: (link, frame) => link.reply(frame, { type: "USER_RENAMED", roomId: link.roomId, userId: frame["userId"], newUserName: frame["newUserName"] }),
  };
  const client = newClient(store);
  await client.create({ userName: "Ann" });
  await client.renameUser("Bea");
  await until("it is stored", async () => (await store.load())?.userName === "Bea");
});

test("an invitation into another room than that of the stored seat is no return to it", async (t) => {
  const { server, newClient } = await begin(t);
  const store = memoryStore();
  await store.save(seat);
  const client = newClient(store);
  assert.equal(await client.resume({ roomId: "room-2" }), undefined);
  assert.equal(server.links.length, 0);
  await client.join({ roomId: "room-2", userName: "Ann" });
  assert.equal((await store.load())?.roomId, "room-2");
  assert.equal(server.links[0]?.roomId, "room-2");
  client.close();
  assert.equal((await client.resume({ roomId: "room-2" }))?.roomId, "room-2");
});

/**
 * Another page of the same browser, as far as locks and channels go, with a copy of this one's
 * store.
 */
class OtherPage {
  readonly #worker: Worker;
  readonly #heard: StoredSeat[] = [];

  constructor(t: TestContext, hasLocks: boolean) {
    this.#worker = new Worker(path.join(import.meta.dirname, "otherPage.ts"), { workerData: { hasLocks } });
    this.#worker.on("message", (loaded: StoredSeat) => this.#heard.push(loaded));
    t.after(() => this.close());
  }

  async load(kept: StoredSeat): Promise<StoredSeat> {
    this.#worker.postMessage({ kept });
    return until("the other page answers", () => this.#heard.shift()) as Promise<StoredSeat>;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

function storeWith(kept: StoredSeat): SeatStore {
  const memory = memoryStore();
  void memory.save(kept);
  return claimed(memory);
}

const hasRealLocks = (globalThis.navigator as { locks?: unknown } | undefined)?.locks !== undefined;
for (const [how, hasLocks] of [
  ["locks", true],
  ["a channel", false],
] as const) {
  test(`a seat that another page has is not taken from it (${how})`, { skip: hasLocks && !hasRealLocks && "this Node.js has no locks" }, async (t) => {
    if (!hasLocks && hasRealLocks) {
      const { navigator } = globalThis;
      Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
      t.after(() => Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true }));
    }
    const kept = { ...seat, userId: newUserId() };
    const original = new OtherPage(t, hasLocks);
    assert.deepEqual(await original.load(kept), kept, "the first page has it");

    const copy = await storeWith(kept).load();
    assert.deepEqual({ ...copy, userId: "" }, { ...kept, userId: "", resumeToken: "" }, "a seat of its own in the same room");
    assert.notEqual(copy?.userId, kept.userId);

    await original.close();
    assert.deepEqual(await storeWith(kept).load(), kept, "a page that comes after it, as after a reload, has it again");
    assert.deepEqual(await storeWith(kept).load(), kept, "and so has another client of the same page");
    const another = new OtherPage(t, hasLocks);
    assert.notEqual((await another.load(kept)).userId, kept.userId);

    const store = storeWith(kept);
    await store.load();
    await store.clear();
    assert.deepEqual(await another.load(kept), kept, "a seat that was left is free");
  });

  test(`of two pages that ask at once one has the seat (${how})`, { skip: hasLocks && !hasRealLocks && "this Node.js has no locks" }, async (t) => {
    const kept = { ...seat, userId: newUserId() };
    const pages = [new OtherPage(t, hasLocks), new OtherPage(t, hasLocks), new OtherPage(t, hasLocks)];
    const loaded = await Promise.all(pages.map((page) => page.load(kept)));
    assert.equal(loaded.filter(({ userId }) => userId === kept.userId).length, 1);
    assert.equal(new Set(loaded.map(({ userId }) => userId)).size, 3);
  });
}

test("a duplicated tab takes a seat of its own, and the original keeps its one", async (t) => {
  const { server, newClient } = await begin(t);
  const kept = { ...seat, userId: newUserId() };
  const original = new OtherPage(t, hasRealLocks);
  await original.load(kept);
  const client = newClient(storeWith(kept));
  const reply = await client.resume();
  assert.equal(reply?.resumed, false);
  const [join] = server.links[0]?.received ?? [];
  assert.deepEqual([join?.["roomId"], join?.["userName"], join?.["resumeToken"]], ["room-1", "Ann", undefined]);
  assert.notEqual(join?.["userId"], kept.userId);
});

test("a lock that the browser could not give is asked for again", async (t) => {
  const { navigator } = globalThis;
  t.after(() => Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true }));
  let asked = 0;
  const locks = {
    request: async (_name: string, _options: object, granted: () => unknown) => {
      asked++;
      if (asked === 1) {
        throw new Error("The provided callback is no longer runnable.");
      }
      await granted();
    },
  };
  Object.defineProperty(globalThis, "navigator", { value: { locks }, configurable: true });
  const kept = { ...seat, userId: newUserId() };
  assert.deepEqual(await storeWith(kept).load(), kept);
  assert.equal(asked, 2);
});

test("where a platform has neither locks nor channels, a seat is what the store says", async (t) => {
  const { navigator, BroadcastChannel } = globalThis;
  Object.defineProperty(globalThis, "navigator", { value: undefined, configurable: true });
  Object.defineProperty(globalThis, "BroadcastChannel", { value: undefined, configurable: true });
  t.after(() => {
    Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true });
    Object.defineProperty(globalThis, "BroadcastChannel", { value: BroadcastChannel, configurable: true });
  });
  const kept = { ...seat, userId: newUserId() };
  assert.deepEqual(await storeWith(kept).load(), kept);
});

test("a seat that is new is not taken by a copy of its page that asks at once (a channel)", async (t) => {
  const { navigator } = globalThis;
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
  t.after(() => Object.defineProperty(globalThis, "navigator", { value: navigator, configurable: true }));
  const copy = new OtherPage(t, false);
  for (let n = 0; n < 8; n++) {
    // whoever asks first wins a toss otherwise
    const kept = { ...seat, userId: newUserId() };
    const store = claimed(memoryStore());
    await store.save(kept);
    assert.notEqual((await copy.load(kept)).userId, kept.userId);
    await store.clear();
  }
});
