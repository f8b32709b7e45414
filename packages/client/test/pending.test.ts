// What is pending when somebody calls close() or leave(), or aborts settles, and nothing reopens.

import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { after, before, suite, test, type TestContext } from "node:test";

import { memoryStore, RoomClient, RoomError, type SeatStore, type StoredSeat } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { ScriptedServer, seatToken } from "./scripted.ts";

const unhandled: unknown[] = [];
const noteUnhandled = (reason: unknown): void => void unhandled.push(reason);
/** How many sockets were made, by the port that they are for. */
const made = new Map<string, number>();
const PlatformSocket = globalThis.WebSocket;

before(() => {
  process.on("unhandledRejection", noteUnhandled);
  globalThis.WebSocket = class extends PlatformSocket {
    constructor(url: string | URL) {
      super(url);
      const { port } = new URL(url);
      made.set(port, (made.get(port) ?? 0) + 1);
    }
  };
});
after(() => {
  globalThis.WebSocket = PlatformSocket;
  process.off("unhandledRejection", noteUnhandled);
  assert.deepEqual(unhandled, []);
});

const seat: StoredSeat = { roomId: "room-1", userId: "ann", userName: "Ann", resumeToken: seatToken };

/** A server of the test's own, so that tests can run side by side, and its clients. */
async function begin(t: TestContext): Promise<{ server: ScriptedServer; clients: RoomClient[]; newClient: (store?: SeatStore) => RoomClient }> {
  const server = await ScriptedServer.start();
  const clients: RoomClient[] = [];
  t.after(async () => {
    for (const client of clients) {
      client.close();
    }
    await server.close();
  });
  const newClient = (store: SeatStore = memoryStore()): RoomClient => {
    const client = new RoomClient({ url: server.url, store });
    clients.push(client);
    return client;
  };
  return { server, clients, newClient };
}

function storeWith(kept: StoredSeat | undefined, delayMs = 0): SeatStore {
  const memory = memoryStore();
  void (kept && memory.save(kept));
  return { ...memory, load: async () => (await pause(delayMs), memory.load()) };
}

/** The code of the error that a promise rejects with, or "resolved". */
async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return "resolved";
  } catch (error) {
    assert.ok(error instanceof RoomError, String(error));
    return error.code;
  }
}

/**
 * Waits long enough for anything that would reopen by itself to do so: a lost connection is tried
 * again within 200 ms.
 */
async function nothingReopens(server: ScriptedServer, client: RoomClient): Promise<void> {
  const { port } = new URL(server.url);
  const count = made.get(port);
  await pause(350);
  assert.equal(made.get(port), count, "no new connection");
  assert.ok(client.status.state === "idle" || client.status.state === "ended", client.status.state);
  await until("every connection is closed", () => server.openLinks.length === 0);
}

type Call = (client: RoomClient, signal?: AbortSignal) => Promise<unknown>;

const calls: Record<string, Call> = {
  create: (client, signal) => client.create({ userName: "Ann", signal }),
  join: (client, signal) => client.join({ roomId: "room-1", userName: "Ann", signal }),
  resume: (client, signal) => client.resume({ signal }),
};

const moments: Record<string, (server: ScriptedServer, client: RoomClient) => Promise<unknown>> = {
  "at once": () => Promise.resolve(),
  "while the store is read": () => pause(5),
  "while the request is under way": (server) => until("a request", () => server.links.some((link) => link.received.length > 0)),
  "between two connections": async (server, client) => {
    (await server.link(0)).close(1012);
    await until("it waits", () => client.status.state === "waiting" || client.status.state === "ended");
  },
};

const ends: Record<string, (client: RoomClient, controller: AbortController) => unknown> = {
  "close()": (client) => client.close(),
  "leave()": (client) => client.leave(),
  "an abort": (_client, controller) => controller.abort(new Error("enough")),
};

suite("create, join and resume are given up", { concurrency: 8 }, () => {
  for (const [name, call] of Object.entries(calls)) {
    for (const [when, moment] of Object.entries(moments)) {
      for (const [end, act] of Object.entries(ends)) {
        test(`${name} is given up by ${end} ${when}`, async (t) => {
          const { server, newClient } = await begin(t);
          server.replies = { CREATE_ROOM: () => undefined, JOIN_ROOM: () => undefined };
          const controller = new AbortController();
          const client = newClient(storeWith(seat, 20));
          const pending = codeOf(call(client, controller.signal));
          await moment(server, client);
          // The first connection of create and join was lost.
          const isOver = client.status.state === "ended";
          const acted = act(client, controller);
          assert.equal(await pending, isOver ? "CONNECTION_LOST" : "ABORTED");
          await acted;
          await nothingReopens(server, client);
        });
      }
    }

    test(`${name} with a signal that is aborted already opens nothing`, async (t) => {
      const { server, newClient } = await begin(t);
      const client = newClient(storeWith(seat));
      const reason = new Error("too late");
      const error = await call(client, AbortSignal.abort(reason)).catch((error: unknown) => error);
      assert.ok(error instanceof RoomError && error.code === "ABORTED");
      assert.equal(error.cause, reason);
      await nothingReopens(server, client);
      assert.equal(server.links.length, 0);
    });

    test(`an abort after ${name} has settled changes nothing`, async (t) => {
      const { newClient } = await begin(t);
      const controller = new AbortController();
      const client = newClient(storeWith(seat));
      await call(client, controller.signal);
      controller.abort();
      await pause(20);
      assert.equal(client.status.state, "seated");
    });
  }
});

test("an abort without a listener on the promise is no unhandled rejection", async (t) => {
  const { server, newClient } = await begin(t);
  server.replies = { CREATE_ROOM: () => undefined };
  const client = newClient();
  void client.create({ userName: "Ann" });
  await server.link(0);
  client.close();
  await pause(20);
  assert.deepEqual(unhandled, []);
});

test("requests under way end with ABORTED as well", async (t) => {
  const { server, newClient } = await begin(t);
  server.replies = { RENAME_USER: () => undefined, CONTROL_MODE_CHANGE: () => undefined };
  for (const end of ["close", "leave"] as const) {
    const client = newClient();
    await client.create({ userName: "Ann" });
    const requests = [codeOf(client.renameUser("Bea")), codeOf(client.setControlMode("FREE_FOR_ALL"))];
    await client[end]();
    assert.deepEqual(await Promise.all(requests), ["ABORTED", "ABORTED"], end);
  }
});

test("a seat that nobody could return to is left, and one that has a token is held", async (t) => {
  const { server, newClient } = await begin(t);
  server.replies = { JOIN_ROOM: () => undefined };
  const joining = newClient();
  void joining.join({ roomId: "room-1", userName: "Ann" });
  await (await server.link(0)).next("JOIN_ROOM");
  joining.close();
  await until("the join's connection is closed", () => server.links[0]?.closeCode);
  assert.equal(server.links[0]?.closeCode, 1000);

  const returning = newClient(storeWith(seat));
  void returning.resume();
  await (await server.link(1)).next("JOIN_ROOM");
  returning.close();
  await until("the resume's connection is closed", () => server.links[1]?.closeCode);
  assert.equal(server.links[1]?.closeCode, 4999);
});

test("leave() during a resume forgets the seat", async (t) => {
  const { server, newClient } = await begin(t);
  const store = storeWith(seat, 20);
  const client = newClient(store);
  const pending = codeOf(client.resume());
  await client.leave();
  assert.equal(await pending, "ABORTED");
  assert.equal(await store.load(), undefined);
  assert.equal(server.links.length, 0);
});

test("a client that has left may begin again before leave() has resolved", async (t) => {
  const { server, newClient } = await begin(t);
  server.replies = { LEAVE_ROOM: () => undefined };
  const client = newClient();
  await client.create({ userName: "Ann" });
  const left = client.leave();
  const { roomId } = await client.create({ userName: "Ann" });
  await left;
  assert.equal(client.status.state, "seated");
  assert.equal(client.room?.id, roomId);
  await until("only the new connection is open", () => server.openLinks.length === 1);
  assert.equal(server.openLinks[0]?.roomId, roomId);
});

test("a call while another is under way is refused, and does not disturb it", async (t) => {
  const { server, newClient } = await begin(t);
  const client = newClient(storeWith(seat, 20));
  const first = client.resume();
  assert.equal(await codeOf(client.resume()), "ALREADY_SEATED");
  assert.equal(await codeOf(client.create({ userName: "Ann" })), "ALREADY_SEATED");
  assert.equal((await first)?.resumed, true);
  assert.equal(server.links.length, 1);
});

/** React's StrictMode mounts, unmounts and mounts each component again, at once or a task later. */
const pauses: Record<string, (server: ScriptedServer) => Promise<unknown>> = {
  "in one task": () => Promise.resolve(),
  "a task later": () => pause(0),
  "while the store is read": () => pause(10),
  "when the socket is open": (server) => until("a socket", () => server.openLinks.length > 0).then(() => pause(5)),
};
suite("mounted twice: one seat and one socket", { concurrency: 8 }, () => {
  for (const delayMs of [0, 30]) {
    for (const isOneClient of [false, true]) {
      for (const [when, between] of Object.entries(pauses)) {
        test(`${when}, with a store that takes ${delayMs} ms and ${isOneClient ? "one client" : "a client each"}`, async (t) => {
          const { server, clients, newClient } = await begin(t);
          const store = storeWith(seat, delayMs);
          const shared = newClient(store);
          const problems: string[] = [];
          const mount = (): (() => void) => {
            const client = isOneClient ? shared : newClient(store);
            client.resume().catch((error: RoomError) => error.code === "ABORTED" || problems.push(error.code));
            return () => client.close();
          };
          const unmount = mount();
          await between(server);
          unmount();
          mount();
          await until("a seat", () => clients.some((client) => client.status.state === "seated"));
          await until("one socket", () => server.openLinks.length === 1);
          await pause(100);
          assert.equal(server.openLinks.length, 1);
          assert.equal(clients.filter((client) => client.status.state === "seated").length, 1);
          assert.deepEqual(new Set(server.links.filter((link) => link.userId !== "").map((link) => link.userId)), new Set(["ann"]));
          assert.deepEqual(problems, [], "the user is told of nothing");
        });
      }
    }
  }
});

test("a listener may end it all at any event, and nothing goes on after that", async (t) => {
  const { server, newClient } = await begin(t);
  const complaints: string[] = [];
  let rows = 0;
  for (const end of ["close", "leave"] as const) {
    for (const type of ["status", "room", "seated", "message", "frame"] as const) {
      for (let nth = 1, isReached = true; isReached && nth <= 6; nth++) {
        const row = `${end}() at ${type} ${nth}`;
        const client = newClient();
        let count = 0;
        client.on(type, () => {
          count += 1;
          if (count !== nth) {
            return;
          }
          void client[end]();
          for (const later of ["room", "seated", "message"] as const) {
            client.on(later, () => complaints.push(`${later} after ${row}`));
          }
        });
        await codeOf(client.create({ userName: "Ann" }));
        await pause(20);
        isReached = count >= nth;
        rows += isReached ? 1 : 0;
        if (isReached && client.status.state !== "idle" && client.status.state !== "ended") {
          complaints.push(`${client.status.state} after ${row}`);
        }
        client.close();
        await until(`every connection of ${row} is closed`, () => server.openLinks.length === 0);
      }
    }
  }
  assert.deepEqual(complaints, []);
  assert.ok(rows > 20, `${rows} rows`);
});
