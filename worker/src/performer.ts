import type { HashRequest } from "./hash";

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
  verify(conn: number, ref: string, token: string): void;
  renew(conn: number, takenAtMs: number, userId: string): void;
  hash(conn: number, request: HashRequest): void;
}
