/** Fills the bytes with the fresh randomness of a connection. */
export type Draw = (secret: Uint8Array, conn: number) => void;

/** What a room is made from when it wakes. */
export interface Kept {
  readonly settings: string;
  readonly roomId: string;
  readonly snapshot: Uint8Array;
  readonly alarmMs: number;
  /** For how long the object did not run until now. */
  readonly pausedMs: number;
  readonly attachments: readonly { readonly conn: number; readonly bytes: Uint8Array }[];
  /** Draws the fresh randomness of a connection. */
  readonly draw: Draw;
}
