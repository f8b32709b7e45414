import type { ErrorCode } from "@usher/types";

import type { Creation } from "./arrangement";
import type { HashRequest } from "./hash";

/**
 * A token whose owner is to be found out, or an invite that is to be read: unless the number is 0.
 */
export interface VerifyRequest {
  readonly number: number;
  readonly ref: string;
  readonly token: string;
}

/** What carries out the effects of a step, in order. */
export interface Performer {
  send(conn: number, text: string): void;
  forward(conn: number): void;
  close(conn: number, code: number): void;
  save(snapshot: Uint8Array): void;
  saveLater(snapshot: Uint8Array): void;
  delete(): void;
  setAlarm(atMs: number): void;
  attach(conn: number, attachment: Uint8Array): void;
  note(what: "refused" | "bounced", code: string): void;
  verify(conn: number, request: VerifyRequest): void;
  renew(conn: number, takenAtMs: number, userId: string): void;
  acted(outcome: Creation | ErrorCode): void;
  seatEnded(takenAtMs: number, userId: string): void;
  hash(conn: number, request: HashRequest): void;
}
