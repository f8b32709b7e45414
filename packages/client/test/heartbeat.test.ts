import assert from "node:assert/strict";
import { mock, test, type TestContext } from "node:test";

import type { PingMessage } from "@usher/types";
import { ServerClock } from "../dist/clock.js";
import { Heartbeat } from "../dist/heartbeat.js";

function start(intervalMs: number): { heartbeat: Heartbeat; sent: PingMessage[]; clock: ServerClock; deaths: () => number } {
  const sent: PingMessage[] = [];
  const clock = new ServerClock();
  let deaths = 0;
  const heartbeat = new Heartbeat({ ping: (message) => sent.push(message), dead: () => (deaths += 1), clock });
  heartbeat.start(intervalMs);
  return { heartbeat, sent, clock, deaths: () => deaths };
}

test("the clock is asked for three times, then a plain PING goes out every 20 s at most", () => {
  mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  try {
    const { heartbeat, sent, clock } = start(60_000);
    for (let n = 0; n < 5; n++) {
      heartbeat.heard();
      heartbeat.pong(5_000_000);
    }
    assert.equal(sent.filter((ping) => ping.timestamp !== undefined).length, 3);
    assert.ok(Math.abs(clock.now() - 5_000_000) < 1000);
    mock.timers.tick(20_000);
    assert.deepEqual(sent.slice(3), [{ type: "PING" }]);
    heartbeat.stop();
    mock.timers.tick(60_000);
    assert.equal(sent.length, 4);
  } finally {
    mock.timers.reset();
  }
});

/** A heartbeat whose replies take as long as is said. */
function startWithReplies({ mock: mocked }: TestContext): ReturnType<typeof start> & { reply: (roundTripMs: number) => void } {
  let nowMs = 0;
  mocked.method(performance, "now", () => nowMs);
  mocked.timers.enable({ apis: ["setInterval", "setTimeout"] });
  const started = start(20_000);
  const reply = (roundTripMs: number): void => {
    nowMs += roundTripMs;
    started.heartbeat.heard();
    started.heartbeat.pong(5_000_000);
  };
  return { ...started, reply };
}

test("a clock that only slow replies have told is asked for again, every second and not for ever", (context) => {
  const { sent, clock, reply } = startWithReplies(context);
  [800, 800, 800].forEach(reply);
  assert.equal(sent.length, 3);
  assert.equal(clock.errorMs, 400);
  context.mock.timers.tick(1000);
  assert.equal(sent.length, 4);
  reply(20);
  assert.equal(clock.errorMs, 10);
  context.mock.timers.tick(5000);
  assert.equal(sent.length, 4, "it is good now");
});

test("a clock that stays unknown is not asked for for ever", (context) => {
  const { sent, reply } = startWithReplies(context);
  for (let n = 0; n < 40; n++) {
    reply(800);
    context.mock.timers.tick(1000);
  }
  assert.equal(sent.filter((ping) => ping.timestamp !== undefined).length, 15);
});

test("ten seconds of silence after a PING are the end, and any message is a sign of life", () => {
  mock.timers.enable({ apis: ["setInterval", "setTimeout"] });
  try {
    const { heartbeat, deaths } = start(20_000);
    heartbeat.heard();
    mock.timers.tick(20_000);
    mock.timers.tick(9_000);
    heartbeat.heard();
    mock.timers.tick(9_000);
    assert.equal(deaths(), 0);
    mock.timers.tick(2_000); // the next PING
    mock.timers.tick(10_000);
    assert.equal(deaths(), 1);
    heartbeat.stop();
  } finally {
    mock.timers.reset();
  }
});

test("a platform's PONG for a sleeping room tells no time, and answers no question to the room", () => {
  const { heartbeat, clock } = start(20_000);
  heartbeat.heard();
  for (let n = 0; n < 3; n++) {
    heartbeat.pong(5_000_000);
  }
  let isAnswered = false;
  heartbeat.probe(() => (isAnswered = true));
  heartbeat.pong(0);
  assert.equal(isAnswered, false);
  assert.ok(Math.abs(clock.now() - 5_000_000) < 1000);
  heartbeat.pong(5_000_000);
  assert.equal(isAnswered, true);
  heartbeat.stop();
});
