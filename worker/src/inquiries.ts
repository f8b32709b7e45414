// What a room has to find out: the hash of a passcode, whom a token identifies, new ICE servers.
// The room goes on meanwhile, and is stepped with what was found.

import { Event, passcodeIterations } from "./abi";
import type { Conn } from "./conns";
import { hashedInput, Hashes, type HashRequest } from "./hash";
import { joined, verdictInput } from "./identity";
import type { VerifyRequest } from "./performer";
import type { RoomOptions } from "./roomOptions";

/**
 * Steps the room with what was found, and looks at the frame again that asked. Returns what the
 * object must not be dropped before.
 */
type Found = (conn: Conn, event: Event, argument: number, input: Uint8Array, frame?: string) => Promise<void> | undefined;

export class Inquiries {
  readonly #options: RoomOptions;
  readonly #found: Found;
  readonly #hashes: Hashes;

  constructor(options: RoomOptions, found: Found) {
    this.#options = options;
    this.#found = found;
    this.#hashes = new Hashes(options.surroundings);
  }

  /** The hash of a passcode, with the frame that it came in. */
  hash(id: number, request: HashRequest, frame: string): Promise<void> | undefined {
    const conn = this.#options.conns.get(id);
    return conn && this.#hash(conn, request, frame);
  }

  async #hash(conn: Conn, request: HashRequest, frame: string): Promise<void> {
    const { used, digest } = await this.#hashes.of(request);
    await this.#found(conn, Event.hashed, request.number, hashedInput(used, digest, frame));
  }

  /** The salt and the hash of a passcode that is no room's yet, undefined if there is none now. */
  async hashNew(passcode: string): Promise<Uint8Array | undefined> {
    const text = new TextEncoder().encode(passcode).slice();
    const { used, digest } = await this.#hashes.of({ number: 0, iterations: passcodeIterations, salt: new Uint8Array(), passcode: text });
    return digest && joined([used, digest]);
  }

  /**
   * Whom a token identifies, or what an invite says. That is read before the object may be dropped,
   * because only it has the frame.
   */
  verify(id: number, request: VerifyRequest, frame: string): Promise<void> | undefined {
    const conn = this.#options.conns.get(id);
    if (conn === undefined || request.number !== 0) {
      return conn && this.#readInvite(conn, request, frame);
    }
    this.#options.verify(request.token, (verdict) => void this.#found(conn, Event.verified, 0, verdictInput(request.ref, verdict)));
    return undefined;
  }

  async #readInvite(conn: Conn, { number, ref, token }: VerifyRequest, frame: string): Promise<void> {
    const verdict = await this.#options.surroundings.readInvite(token, this.#options.conns.roomId);
    await this.#found(conn, Event.verified, number, verdictInput(ref, verdict, frame), frame);
  }

  /** New ICE servers for a seat. */
  renew(id: number, takenAtMs: number, userId: string): void {
    const { conns } = this.#options;
    const conn = conns.get(id);
    if (conn !== undefined) {
      const seat = { roomId: conns.roomId, userId, takenAtMs };
      this.#options.renew(seat, (frame) => void this.#found(conn, Event.renewed, 0, new TextEncoder().encode(frame)));
    }
  }
}
