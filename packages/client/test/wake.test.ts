// A page, a network or a machine that was away: the connection is looked at, and if it is dead,
// replaced at once.

import assert from "node:assert/strict";
import { afterEach, test, type TestContext } from "node:test";

import { RoomClient } from "@usher/client";
import { until } from "../../../test/e2e/wait.ts";
import { onWake } from "../dist/wake.js";
import { ScriptedServer, type Link } from "./scripted.ts";

/** A page as the platform shows it: the globals that Node.js does not have. */
class Page {
  readonly window = new EventTarget();
  readonly document = Object.assign(new EventTarget(), { visibilityState: "visible" });

  constructor() {
    const { window } = this;
    Object.assign(globalThis, {
      document: this.document,
      addEventListener: window.addEventListener.bind(window),
      removeEventListener: window.removeEventListener.bind(window),
    });
  }

  fire(type: string): void {
    (type === "pageshow" || type === "online" ? this.window : this.document).dispatchEvent(new Event(type));
  }
}

afterEach(() => {
  for (const name of ["document", "addEventListener", "removeEventListener"]) {
    Reflect.deleteProperty(globalThis, name);
  }
});

const events = ["pageshow", "visibilitychange", "resume", "online"] as const;

/** A wall clock, a monotonic one, and timers, which go on apart from each other. */
function clocks(t: TestContext): { jump: (ms: number, monotonicMs?: number) => void; pass: (seconds: number) => void } {
  let wallMs = 1_000_000_000;
  let nowMs = 0;
  t.mock.method(Date, "now", () => wallMs);
  t.mock.method(performance, "now", () => nowMs);
  t.mock.timers.enable({ apis: ["setInterval"] });
  const jump = (ms: number, monotonicMs = 0): void => {
    wallMs += ms;
    nowMs += monotonicMs;
  };
  const pass = (seconds: number): void => {
    for (let n = 0; n < seconds; n++) {
      jump(1000, 1000);
      t.mock.timers.tick(1000);
    }
  };
  return { jump, pass };
}

test("what wakes a client", (t) => {
  const { jump, pass } = clocks(t);
  const page = new Page();
  const woken: boolean[] = [];
  const stop = onWake((isClockLost) => woken.push(isClockLost));
  for (const type of events) {
    page.fire(type);
    assert.deepEqual(woken.splice(0), [false], type);
  }
  page.document.visibilityState = "hidden";
  page.fire("visibilitychange");
  assert.deepEqual(woken, [], "a page that is hidden is no page that is back");
  pass(60);
  assert.deepEqual(woken, [], "time that passes is no jump");
  for (const jumpMs of [3_600_000, -3_600_000]) {
    jump(jumpMs);
    pass(60);
    assert.deepEqual(woken.splice(0), [true], `a clock that jumps by ${jumpMs} ms`);
  }
  jump(60_000, 60_000);
  pass(60);
  assert.deepEqual(woken.splice(0), [false], "timers that were held back");
  stop();
  for (const type of events) {
    page.fire(type);
  }
  jump(3_600_000);
  pass(60);
  assert.deepEqual(woken, []);
});

test("outside of a page a clock that jumps still does", (t) => {
  const { jump, pass } = clocks(t);
  let count = 0;
  const stop = onWake(() => (count += 1));
  jump(60_000);
  pass(3);
  assert.equal(count, 1);
  stop();
});

async function seated(t: TestContext): Promise<{ page: Page; server: ScriptedServer; client: RoomClient; link: Link; statuses: string[] }> {
  const page = new Page();
  const server = await ScriptedServer.start();
  const client = new RoomClient({ url: server.url });
  t.after(() => {
    client.close();
    return server.close();
  });
  await client.create({ userName: "Ann" });
  const statuses: string[] = [];
  client.on("status", ({ state }) => statuses.push(state));
  return { page, server, client, link: await server.link(0), statuses };
}

const plainPings = (link: Link): number => link.received.filter((frame) => frame.type === "PING" && frame["timestamp"] === undefined).length;

test("a connection that has died is replaced within some 3 s, without a wait", async (t) => {
  const { page, server, client, link, statuses } = await seated(t);
  server.replies = { PING: () => undefined };
  page.fire("pageshow");
  page.fire("resume");
  await until("it is asked for a sign of life", () => plainPings(link) > 0);
  await until("another connection", () => server.links[1], 6000); // the usual silence is 10 s
  await until("it is seated again", () => client.status.state === "seated");
  assert.deepEqual(statuses, ["waiting", "connecting", "seated"]);
  assert.equal(plainPings(link), 1, "once is enough");
  assert.equal((await (await server.link(1)).next("JOIN_ROOM"))["userId"], client.userId);
});

test("a connection that lives is kept", async (t) => {
  const { page, server, client, link, statuses } = await seated(t);
  for (const type of events) {
    page.fire(type);
    const pings = plainPings(link);
    await until("it is asked", () => plainPings(link) > pings - 1 && plainPings(link) > 0);
    await until("it answers", () => client.status.state === "seated");
  }
  assert.deepEqual(statuses, []);
  assert.equal(server.links.length, 1);
});

test("a wait is over at once, unless the server has asked for it", async (t) => {
  const { page, server, client } = await seated(t);
  server.replies = { JOIN_ROOM: (link) => link.cut() };
  server.links[0]?.cut();
  const { promise: waits, resolve } = Promise.withResolvers<void>();
  const attempts = (): number => (client.status.state === "waiting" ? client.status.attempt : 0);
  client.on("status", () => attempts() === 5 && resolve()); // 1 to 2 s
  await waits;
  server.replies = {};
  const count = server.links.length;
  page.fire("online");
  assert.equal(client.status.state, "connecting");
  await until("it is seated again", () => client.status.state === "seated");
  assert.equal(server.links.length, count + 1);

  for (const code of [1013, 4029]) {
    server.links.at(-1)?.close(code);
    await until("it waits", () => client.status.state === "waiting");
    const { status } = client;
    for (const type of events) {
      page.fire(type);
    }
    assert.equal(client.status, status, `${code}`);
    client.close();
    await client.create({ userName: "Ann" });
  }
});

test("a client that is closed does not hear of anything", async (t) => {
  const { page, server, client } = await seated(t);
  client.close();
  for (const type of events) {
    page.fire(type);
  }
  assert.equal(client.status.state, "idle");
  await until("nothing is open", () => server.openLinks.length === 0);
  assert.equal(server.links.length, 1);
});
