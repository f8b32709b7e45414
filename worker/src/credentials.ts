// TURN credentials that end with their seat. The names of what Cloudflare's service has given a
// seat are in the object's storage until then; credentials of a shared secret cannot be revoked.

import { log } from "./http";
import { hasCloudflare, issue, revoke, type IceEnv, type IceServer, type Seat } from "./ice";

/** What storage has of a seat. */
interface Given {
  readonly takenAtMs: number;
  readonly usernames: readonly string[];
  /** When the last of them expire. */
  readonly untilMs: number;
}

/**
 * As many as the native server remembers for one seat. Beyond that the oldest are revoked at once,
 * so that no credentials outlive their seat.
 */
const maxNames = 64;

const keyOf = ({ userId }: Seat): string => `turn ${userId}`;

export class Credentials {
  readonly #ctx: DurableObjectState;
  readonly #env: IceEnv;
  /** The seats that are being given some, and whether they have ended meanwhile. */
  readonly #underWay = new Set<{ readonly seat: Seat; ended: boolean }>();

  constructor(ctx: DurableObjectState, env: IceEnv) {
    this.#ctx = ctx;
    this.#env = env;
  }

  /** Makes ICE servers for a seat. It throws an Error that says what is wrong. */
  async make(seat: Seat, seconds: number): Promise<readonly IceServer[]> {
    const making = { seat, ended: false };
    this.#underWay.add(making);
    try {
      const { servers, usernames } = await issue(this.#env, seat, seconds);
      if (making.ended) {
        this.revoke(usernames);
      } else {
        this.keep(seat, usernames, Date.now() + seconds * 1000);
      }
      return servers;
    } finally {
      this.#underWay.delete(making);
    }
  }

  /** Keeps the names of what a seat has been given, so that it can be revoked. */
  keep(seat: Seat, usernames: readonly string[], untilMs: number): void {
    if (usernames.length === 0) {
      return;
    }
    const { takenAtMs } = seat;
    const given = this.#given(seat);
    const earlier = given?.takenAtMs === takenAtMs ? given : { usernames: [], untilMs: 0 };
    const all = [...new Set([...earlier.usernames, ...usernames])];
    this.#ctx.storage.kv.put<Given>(keyOf(seat), {
      takenAtMs,
      usernames: all.slice(-maxNames),
      untilMs: Math.max(earlier.untilMs, untilMs),
    });
    this.revoke(all.slice(0, -maxNames));
  }

  /** Revokes what a seat has been given, because it has ended. */
  end(seat: Seat): void {
    if (!hasCloudflare(this.#env)) {
      return; // what can expire only need not be looked for
    }
    for (const making of this.#underWay) {
      making.ended ||= making.seat.userId === seat.userId && making.seat.takenAtMs === seat.takenAtMs;
    }
    try {
      const given = this.#given(seat);
      if (given?.takenAtMs === seat.takenAtMs) {
        this.#ctx.storage.kv.delete(keyOf(seat));
        this.revoke(given.untilMs > Date.now() ? given.usernames : []);
      }
    } catch (error) {
      notRevoked(error); // the room goes on
    }
  }

  revoke(usernames: readonly string[]): void {
    if (usernames.length > 0) {
      this.#ctx.waitUntil(this.#revokeAll(usernames));
    }
  }

  /** One after the other: a seat seldom has more than two. */
  async #revokeAll(usernames: readonly string[]): Promise<void> {
    for (const username of usernames) {
      await revoke(this.#env, username).catch(notRevoked);
    }
  }

  #given(seat: Seat): Given | undefined {
    return this.#ctx.storage.kv.get<Given>(keyOf(seat));
  }
}

function notRevoked(error: unknown): void {
  log("warn", "credentials could not be revoked; they end by their ttl", { error: String(error) });
}
