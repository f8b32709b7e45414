// VideoSync on an element that behaves as browsers' do, the one that dislikes changes of its rate
// included.

import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";

import type { RoomState } from "@usher/types";
import { nextFilm, VideoSync, type Film, type OutgoingSync, type SyncPort, type SyncPortEvents } from "@usher/client";

const roomOf = (hostId: string, controlMode: RoomState["controlMode"]): RoomState => ({
  id: "room-1",
  name: "Room",
  hostId,
  users: [],
  controlMode,
  followMode: "AUTO_FOLLOW",
  videoState: { isPlaying: false, currentTime: 0, duration: 0, playbackRate: 1, url: "", lastUpdated: 0 },
  hostVideoState: null,
  hostCurrentUrl: null,
  createdAt: 0,
  lastActivity: 0,
});

/** A <video> whose time is the test's. */
class Element extends EventTarget {
  paused = true;
  seeking = false;
  ended = false;
  readyState = 4;
  muted = false;
  loop = false;
  isConnected = true;
  duration = 3600;
  seeks = 0;
  rates: number[] = [];
  #time = 0;
  #rate = 1;

  /** Seconds of playback that are gone with each change of the rate, as in WebKit. */
  readonly #lostAtChange: number;
  /** What the element makes of a rate. */
  readonly #effect: (rate: number) => number;

  constructor(lostAtChange: number, effect = (rate: number): number => rate) {
    super();
    this.#lostAtChange = lostAtChange;
    this.#effect = effect;
  }

  get currentTime(): number {
    return this.#time;
  }

  set currentTime(time: number) {
    this.#time = time;
    this.seeks += 1;
    this.dispatchEvent(new Event("seeking"));
  }

  get playbackRate(): number {
    return this.#rate;
  }

  set playbackRate(rate: number) {
    if (rate !== this.#rate) {
      this.#time -= this.paused ? 0 : this.#lostAtChange;
      this.#rate = rate;
      this.rates.push(rate);
    }
  }

  play(): Promise<void> {
    this.paused = false;
    this.dispatchEvent(new Event("play"));
    return Promise.resolve();
  }

  pause(): void {
    this.paused = true;
    this.dispatchEvent(new Event("pause"));
  }

  runs(seconds: number): void {
    this.#time += this.paused ? 0 : seconds * this.#effect(this.#rate);
  }

  /** The element is held up (or, if negative, jumps ahead), of which no event tells. */
  slips(seconds: number): void {
    this.#time -= seconds;
  }
}

interface Stage {
  element: Element;
  sync: VideoSync;
  sent: OutgoingSync[];
  /** The room's film is another one from now on. */
  setFilm(film: Partial<Film>): void;
  run(seconds: number): void;
}

/** bob, before an element that plays the room's film from its beginning. */
function stage(context: TestContext, element: Element, room = roomOf("ann", "HOST_ONLY")): Stage {
  context.mock.timers.enable({ apis: ["setInterval"] });
  let nowMs = 1_000_000;
  let source = "clip";
  const listeners = new Set<(film: Film) => void>();
  const sent: OutgoingSync[] = [];
  const port = {
    userId: "bob",
    room,
    film: { playing: true, time: 0, atMs: nowMs, actedAtMs: nowMs, url: "clip", isServers: false } as Film,
    serverTime: () => nowMs,
    send: (message: OutgoingSync) => {
      port.film = nextFilm(port.film, { ...message, userId: "bob", timestamp: 0 }, nowMs) as Film;
      return sent.push(message) > 0;
    },
    on: <K extends keyof SyncPortEvents>(type: K, listener: (event: SyncPortEvents[K]) => void) => {
      if (type === "film") {
        listeners.add(listener as (film: Film) => void);
      }
      return () => undefined;
    },
  } satisfies SyncPort;
  const sync = new VideoSync(element as unknown as HTMLVideoElement, port, { source: () => source, open: (url) => (source = url) });
  context.after(() => sync.close());
  return {
    element,
    sync,
    sent,
    setFilm: (film) => {
      port.film = { ...port.film, ...film };
      for (const listener of listeners) {
        listener(port.film);
      }
    },
    run: (seconds) => {
      for (let ms = 0; ms < seconds * 1000; ms += 20) {
        nowMs += 20;
        element.runs(0.02);
        context.mock.timers.tick(20);
      }
    },
  };
}

test("a drift is mended with few changes of the rate, which ends at exactly 1", async (context) => {
  // The element, how far behind it falls, how many seconds it gets, and how many changes of the
  // rate and seeks that may take.
  const rows: [rule: string, element: () => Element, slip: number, seconds: number, changes: number, seeks: number][] = [
    ["a tiny drift is let be", () => new Element(0), 0.03, 30, 0, 0],
    ["behind", () => new Element(0), 0.2, 6, 2, 0],
    ["ahead", () => new Element(0), -0.2, 6, 2, 0],
    ["far behind", () => new Element(0), 0.7, 12, 2, 0],
    ["further behind", () => new Element(0), 3, 12, 0, 1],
    ["behind, and each change loses 70 ms", () => new Element(0.07), 0.2, 15, 4, 0],
    ["ahead, and each change loses 70 ms", () => new Element(0.07), -0.2, 15, 4, 0],
    ["far behind, and each change loses 70 ms", () => new Element(0.07), 0.5, 15, 4, 0],
    ["behind, and each change loses 200 ms", () => new Element(0.2), 0.2, 25, 6, 1],
    ["an element that keeps its own rate", () => new Element(0, () => 1), 0.3, 20, 2, 1],
    ["an element that is slower than it says", () => new Element(0, (rate) => (rate === 1 ? 1 : 0.97)), 0.3, 25, 4, 1],
  ];
  for (const [rule, make, slip, seconds, changes, seeks] of rows) {
    await context.test(rule, (each) => {
      const { element, sync, run } = stage(each, make());
      run(2);
      element.seeks = 0;
      element.rates = [];
      element.slips(slip);
      run(seconds);
      const told = JSON.stringify({ driftMs: Math.round(sync.driftMs), rates: element.rates, seeks: element.seeks });
      assert.ok(Math.abs(sync.driftMs) < 50, told);
      assert.equal(element.playbackRate, 1, told);
      assert.ok(element.rates.length <= changes, told);
      assert.ok(element.seeks <= seeks, told);
      const before = element.rates.length;
      run(120);
      assert.ok(element.rates.length <= before, "and then it is left alone");
    });
  }
});

test("the rate is exactly 1 again whatever ends a correction", async (context) => {
  const rows: [what: string, end: (set: Stage) => void][] = [
    ["the film is paused", ({ setFilm, element }) => setFilm({ playing: false, time: element.currentTime })],
    ["the film is sought", ({ setFilm, element }) => setFilm({ time: element.currentTime + 500, actedAtMs: 9e9 })],
    ["another film is chosen", ({ setFilm }) => setFilm({ url: "other" })],
    ["the viewer pauses it", ({ element }) => element.pause()],
    [
      "the element shows nothing now",
      ({ element, run }) => {
        element.readyState = 0;
        element.dispatchEvent(new Event("emptied"));
        run(1);
      },
    ],
    ["it is let go", ({ sync }) => sync.close()],
  ];
  for (const [what, end] of rows) {
    await context.test(what, (each) => {
      const set = stage(each, new Element(0), roomOf("ann", "FREE_FOR_ALL"));
      set.run(2);
      set.element.slips(0.5);
      set.run(1);
      assert.notEqual(set.element.playbackRate, 1);
      end(set);
      assert.equal(set.element.playbackRate, 1);
    });
  }
});
