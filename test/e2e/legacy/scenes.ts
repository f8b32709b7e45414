// What happens to people with the legacy client, and what must be true 25 s later.

import assert from "node:assert/strict";

import type { PersonOptions, Scene } from "../scene.ts";
import { until } from "../wait.ts";
import { allTalk, LegacyMember } from "./member.ts";
import type { View } from "./message.ts";

export interface LegacyScene {
  what: string;
  play(set: Scene): Promise<void>;
  /** The server itself is stopped. */
  hasOwnServer?: boolean;
}

/**
 * By this time, channels that will die have died: "disconnected" comes 5 to 9 s after the other
 * side has closed.
 */
const laterMs = 25_000;
const asleepMs = 60_000;
/**
 * The longest return: if the old socket cannot be asked (worker), 45 s of silence, then a grace of
 * 40 s, then another retry. A half-open socket is noticed after 40 s.
 */
const returnWithinMs = 120_000;

type Fault = (set: Scene, member: LegacyMember) => Promise<void>;

const reset: Fault = async (_, { person }) => person.proxy.reset();

const halfOpen: Fault = async (_, { person }) => person.proxy.deaden();

/** The dead socket reports its end long after the newer one is seated. */
const halfOpenUntilSeated: Fault = async (_, member) => {
  const { seatings } = await member.look();
  member.person.proxy.deaden();
  await until(`${member.name} has noticed`, async () => (await member.look()).seatings > seatings, returnWithinMs);
  await past(5000);
  member.person.proxy.resetInner();
};

/**
 * The browser's sockets end, the server hears nothing, and every further connection comes from
 * another address.
 */
const changeAddress: Fault = async (_, member) => {
  const { seatings } = await member.look();
  const { person } = member;
  person.cutNetwork();
  person.proxy.deaden();
  person.proxy.address = freeAddress();
  person.proxy.resetInner();
  person.proxy.heal();
  await until(`${member.name} is seated from the new address`, async () => (await member.look()).seatings > seatings, returnWithinMs);
  person.healNetwork();
};

/** Like changeAddress, but the server also learns that the old socket has ended. */
const resetAndChangeAddress: Fault = async (_, member) => {
  member.person.proxy.address = freeAddress();
  member.person.proxy.reset();
};

/** The whole computer stops: its programs and its network. */
const sleep: Fault = async (_, { person }) => {
  person.cutNetwork();
  person.browser.sleep();
  await past(asleepMs);
  person.healNetwork();
  person.browser.wake();
};

interface Cast {
  /** Of all. */
  all?: PersonOptions;
  /** Of the person it happens to. */
  victim?: PersonOptions;
}

/**
 * A scene with three people in which something happens to the host, and the same scene with another
 * person.
 */
function toOne(what: string, fault: Fault, { all = {}, victim = {} }: Cast = {}): LegacyScene[] {
  return ["host", "participant"].map((whom, at) => ({
    what: `${what} (${whom})`,
    play: async (set) => {
      const members = await gather(set, 3, (one) => ({ ...all, ...(one === at ? victim : {}) }));
      const one = members[at] as LegacyMember;
      await recover(members, [one], () => fault(set, one));
    },
  }));
}

/** Longest first. */
export const legacyScenes: readonly LegacyScene[] = [
  ...toOne("address change, unnoticed", changeAddress, { all: { isWired: true } }),
  ...toOne("address change, noticed", resetAndChangeAddress),
  ...toOne("sleep of 60 s", sleep, { all: { isWired: true }, victim: { isShared: false, canSleep: true } }),
  ...toOne("half-open, ended late", halfOpenUntilSeated),
  ...toOne("half-open", halfOpen),
  {
    what: "drain with four people",
    hasOwnServer: true,
    play: async (set) => {
      const members = await gather(set, 4);
      await recover(members, members, async () => {
        // wrangler dev does not drain, and neither do nodes that stop all at once.
        await (set.server.shell === "native" ? set.server.stop() : set.server.kill());
        await set.server.restart();
      });
    },
  },
  ...toOne("reset", reset),
  {
    what: "two join at once",
    play: async (set) => {
      const members = await onStage(allSlots, async () => {
        const [host, ...others] = (await arrive(set, 3)) as [LegacyMember, LegacyMember, LegacyMember];
        const roomId = freeRoom();
        await host.create(roomId);
        await quiet([host, ...others]);
        await Promise.all(others.map((member) => member.join(roomId)));
        const all = [host, ...others];
        await agree(all);
        return all;
      });
      await remain(members);
    },
  },
];

/**
 * The number of scenes that open their pages and rooms at the same time: more would take the time
 * in which clients have to reply to each other. A scene that depends on that time has the stage to
 * itself.
 */
const allSlots = 3;
let freeSlots = allSlots;
const queue: { slots: number; enter: () => void }[] = [];

async function onStage<T>(slots: number, open: () => Promise<T>): Promise<T> {
  await new Promise<void>((enter) => {
    queue.push({ slots, enter });
    enterNext();
  });
  try {
    return await open();
  } finally {
    freeSlots += slots;
    enterNext();
  }
}

function enterNext(): void {
  for (let next = queue[0]; next !== undefined && next.slots <= freeSlots; next = queue[0]) {
    queue.shift();
    freeSlots -= next.slots;
    next.enter();
  }
}

let rooms = 0;
function freeRoom(): string {
  return `legacy-${process.pid}-${++rooms}`;
}

let addresses = 0;
/** A loopback address that nothing else here uses. */
function freeAddress(): string {
  addresses++;
  return `127.7.${addresses >> 8}.${addresses & 255}`;
}

type OptionsOf = (at: number) => PersonOptions;
const usual: OptionsOf = () => ({});

function arrive(set: Scene, count: number, optionsOf = usual): Promise<LegacyMember[]> {
  const names = ["Ann", "Bob", "Cem", "Dan"].slice(0, count);
  return Promise.all(names.map((name, at) => LegacyMember.arrive(set, name, { address: freeAddress(), ...optionsOf(at) })));
}

/** One after another, as this client requires; two who join at once are a scene of their own. */
function gather(set: Scene, count: number, optionsOf = usual): Promise<LegacyMember[]> {
  return onStage(1, async () => {
    const members = await arrive(set, count, optionsOf);
    const roomId = freeRoom();
    for (const [at, member] of members.entries()) {
      await (at === 0 ? member.create(roomId) : member.join(roomId));
      await allTalk(members.slice(0, at + 1));
    }
    return members;
  });
}

/**
 * Does something after which some members must be seated again, and all must still be connected to
 * all.
 */
async function recover(members: readonly LegacyMember[], returning: readonly LegacyMember[], act: () => Promise<void>): Promise<void> {
  const before = await look(returning);
  await act();
  await until(
    "all are seated again",
    async () => (await look(returning)).every(({ seatings, status }, at) => status === "seated" && seatings > (before[at]?.seatings ?? 0)),
    returnWithinMs,
  );
  await remain(members);
}

/** Waits until everybody sees everybody, and checks 25 s later that they can still talk. */
async function remain(members: readonly LegacyMember[]): Promise<void> {
  await agree(members);
  await past(laterMs);
  await agree(members);
  await allTalk(members);
}

/** Waits until all are seated, see all others connected, and agree on one host, who agrees too. */
async function agree(members: readonly LegacyMember[]): Promise<void> {
  let views: View[] = [];
  await until(
    () => `all views agree: ${JSON.stringify(views)}`,
    async () => {
      views = await look(members);
      const [first] = views as [View];
      const everybody = views.map(({ userId }) => userId).sort();
      return views.every((view) => {
        const connected = view.users
          .filter(({ isConnected }) => isConnected)
          .map(({ id }) => id)
          .sort();
        const isRight = view.isHost === (view.userId === first.hostId) && view.hostId === first.hostId;
        return view.status === "seated" && isRight && JSON.stringify(connected) === JSON.stringify(everybody);
      });
    },
  );
  assert.equal(views.filter(({ isHost }) => isHost).length, 1, "there is one host");
}

/**
 * Waits until the machine responds immediately. The pace of a room whose host has never offered is
 * 250 ms. That is enough between computers with time to spare, and too little if one page of this
 * machine needs as long to receive anything.
 */
async function quiet(members: readonly LegacyMember[]): Promise<void> {
  let inARow = 0;
  await until(
    "the machine has time",
    async () => {
      const began = performance.now();
      await look(members);
      inARow = performance.now() - began < 40 ? inARow + 1 : 0;
      return inARow >= 10;
    },
    returnWithinMs,
  );
}

function look(members: readonly LegacyMember[]): Promise<View[]> {
  return Promise.all(members.map((member) => member.look()));
}

function past(ms: number): Promise<unknown> {
  const began = performance.now();
  return until(`${ms} ms are over`, () => performance.now() - began > ms, ms + 5000);
}
