import { Flag } from "./abi";
import { hasAccounts, verifyToken } from "./accounts";
import { Refusal, type Identity } from "./identity";
import { expires } from "./ice";
import { derive } from "./hash";
import { readInvite } from "./pass";
import { settings } from "./settings";
import { ttlSeconds } from "./ttl";

/** How late an alarm may be before that is time in which the object did not run. */
const punctualMs = 2000;

/**
 * Everything outside of the core that a step depends on, such as the clock, the randomness and the
 * settings. A test replaces it.
 */
export class Surroundings {
  readonly #env: Env;

  constructor(env: Env) {
    this.#env = env;
  }

  now(): number {
    return Date.now();
  }

  /**
   * For how long the object did not run, if its alarm should have come at a time, or nothing has
   * come since.
   */
  pausedMs(now: number, sinceMs: number): number {
    return now - sinceMs > punctualMs ? now - sinceMs : 0;
  }

  /** Fills the bytes with the fresh randomness of a connection. */
  draw(secret: Uint8Array, _conn: number): void {
    crypto.getRandomValues(secret);
  }

  /** The hash of a passcode. */
  hash(passcode: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<Uint8Array> {
    return derive(passcode, salt, iterations);
  }

  /** Whom a token identifies, if it is for the room. */
  verify(token: string, roomId: string): Promise<Identity | Refusal> {
    return hasAccounts(this.#env) ? verifyToken(token, roomId, this.#env) : Promise.resolve(new Refusal("INVALID_TOKEN", "this server has no accounts"));
  }

  /** What an invite says, if it is for the room. */
  readInvite(invite: string, roomId: string): Promise<Identity | Refusal> {
    return readInvite(roomId, invite, this.#env.INVITE_SECRET ?? "");
  }

  /** The flags of every step. */
  flags(storageFails: boolean): number {
    return storageFails ? Flag.storageUnavailable : 0;
  }

  /** The settings of rooms, one a line. */
  settings(): string {
    const variables: Readonly<Record<string, unknown>> = { ...this.#env };
    const renewal = expires(this.#env) ? `ice-renew ${Math.floor(ttlSeconds(this.#env) * 500)}\n` : "";
    const changed = Object.entries(settings)
      .filter(([variable]) => variables[variable] !== undefined && variables[variable] !== "")
      .map(([variable, name]) => `${name} ${String(variables[variable])}\n`)
      .join("");
    return changed + renewal + (hasAccounts(this.#env) ? "identity-required true\n" : "");
  }
}
