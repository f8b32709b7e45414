// The effects of a step, as the core puts them out: package abi describes the bytes.

import type { ErrorCode } from "@usher/types";

import { Effect, again } from "./abi";
import type { Performer } from "./performer";

const decoder = new TextDecoder();

/** Reads effects, and has them carried out in order. */
export class Effects {
  #view: DataView = new DataView(new ArrayBuffer(0));
  #at = 0;

  /** Has the effects performed that are in the view from start to end. */
  perform(view: DataView, start: number, end: number, performer: Performer): void {
    this.#view = view;
    this.#at = start;
    let frame = "";
    while (this.#at < end) {
      const kind = view.getUint8(this.#at++);
      switch (kind) {
        case Effect.forward:
          performer.forward(this.#float());
          break;
        case Effect.send: {
          const conn = this.#float();
          if (view.getUint32(this.#at, true) === again) {
            this.#at += 4;
          } else {
            frame = decoder.decode(this.#text());
          }
          performer.send(conn, frame);
          break;
        }
        case Effect.close: {
          const conn = this.#float();
          this.#at += 2;
          performer.close(conn, view.getUint16(this.#at - 2, true));
          break;
        }
        // What is kept must not point into the memory, which the next step overwrites.
        case Effect.save:
          performer.save(this.#text().slice());
          break;
        case Effect.saveLater:
          performer.saveLater(this.#text().slice());
          break;
        case Effect.delete:
          performer.delete();
          break;
        case Effect.setAlarm:
          performer.setAlarm(this.#float());
          break;
        case Effect.attach:
          performer.attach(this.#float(), this.#text().slice());
          break;
        case Effect.hash: // the fields are read in this order
          performer.hash(this.#float(), { number: this.#uint(), iterations: this.#uint(), salt: this.#text().slice(), passcode: this.#text().slice() });
          break;
        case Effect.refused:
        case Effect.bounced:
          this.#float();
          performer.note(kind === Effect.refused ? "refused" : "bounced", decoder.decode(this.#text()));
          break;
        case Effect.verify:
          performer.verify(this.#float(), { number: this.#uint(), ref: decoder.decode(this.#text()), token: decoder.decode(this.#text()) });
          break;
        case Effect.renew:
          performer.renew(this.#float(), this.#float(), decoder.decode(this.#text()));
          break;
        case Effect.seatEnded:
          performer.seatEnded(this.#float(), decoder.decode(this.#text()));
          break;
        case Effect.acted: {
          const refusal = decoder.decode(this.#text());
          const made = { createdAtMs: this.#float(), endsAtMs: this.#float(), keepMs: this.#float(), ownerToken: decoder.decode(this.#text()) };
          performer.acted(refusal === "" ? made : (refusal as ErrorCode));
          break;
        }
        default:
          throw new Error(`no effect ${kind}`);
      }
    }
  }

  #uint(): number {
    this.#at += 4;
    return this.#view.getUint32(this.#at - 4, true);
  }

  #float(): number {
    this.#at += 8;
    return this.#view.getFloat64(this.#at - 8, true);
  }

  #text(): Uint8Array {
    const length = this.#view.getUint32(this.#at, true);
    this.#at += 4 + length;
    return new Uint8Array(this.#view.buffer, this.#at - length, length);
  }
}
