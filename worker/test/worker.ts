// The worker with a clock, randomness, settings and refusals that the tests set. Everything else is
// as it is deployed.

import type { Identity, Refusal } from "../src/identity";
import worker from "../src/index";
import { RoomState as Real } from "../src/roomState";
import { Surroundings } from "../src/surroundings";

export default worker;

/** What the tests set, and what they wait for. */
export const harness = {
  nowMs: undefined as number | undefined,
  /**
   * What is drawn for the next frame, and what was drawn for a connection: an evicted object draws
   * that again.
   */
  secret: undefined as Uint8Array | undefined,
  secrets: new Map<number, Uint8Array>(),
  settings: undefined as string | undefined,
  flags: 0,
  /** What is found out about the next token. */
  verdict: undefined as Identity | Refusal | undefined,
  /**
   * For how long objects did not run: each tells it once, if it is asked while something is due.
   */
  pausedMs: 0,
  env: {} as Partial<Env>,
  /** Whether the hashes of passcodes wait until they are done, or fail. */
  hashes: "done" as "done" | "wait" | "fail",
  /** How many hashes were asked for, may be done, and are. */
  asked: 0,
  allowed: 0,
  hashed: 0,
  /** How many frames and ends of sockets have been handled, and how often an object was made. */
  frames: 0,
  ends: 0,
  made: 0,
};

class Harnessed extends Surroundings {
  override now(): number {
    return harness.nowMs ?? super.now();
  }

  override pausedMs(now: number, sinceMs: number): number {
    const pausedMs = harness.pausedMs || super.pausedMs(now, sinceMs);
    harness.pausedMs = 0;
    return pausedMs;
  }

  override draw(secret: Uint8Array, conn: number): void {
    const drawn = harness.secrets.get(conn);
    super.draw(secret, conn);
    secret.set(drawn ?? []);
  }

  override settings(): string {
    return harness.settings ?? super.settings();
  }

  override async hash(...passcode: Parameters<Surroundings["hash"]>): Promise<Uint8Array> {
    if (harness.hashes === "fail") {
      throw new Error("no hash");
    }
    const turn = ++harness.asked;
    if (harness.hashes === "done") {
      harness.allowed = turn;
    }
    const hash = await super.hash(...passcode);
    while (turn > harness.allowed) {
      await scheduler.wait(1);
    }
    harness.hashed++;
    return hash;
  }

  override readInvite(invite: string, roomId: string): Promise<Identity | Refusal> {
    return harness.verdict === undefined ? super.readInvite(invite, roomId) : Promise.resolve(harness.verdict);
  }

  override verify(token: string, roomId: string): Promise<Identity | Refusal> {
    return harness.verdict === undefined ? super.verify(token, roomId) : Promise.resolve(harness.verdict);
  }

  override flags(storageFails: boolean): number {
    return super.flags(storageFails) | harness.flags;
  }
}

export class RoomState extends Real {
  constructor(ctx: DurableObjectState, env: Env) {
    const changed = { ...env, ...harness.env };
    super(ctx, changed, new Harnessed(changed));
    harness.made++;
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void | Promise<void> {
    if (harness.secret !== undefined) {
      harness.secrets.set(Number(this.ctx.getTags(socket)[0]), harness.secret);
    }
    const done = super.webSocketMessage(socket, message);
    harness.frames++;
    return done;
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string, wasClean: boolean): void {
    super.webSocketClose(socket, code, reason, wasClean);
    harness.ends++;
  }
}
