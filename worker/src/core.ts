// The room core in Wasm. worker/abi/doc.go describes the calls and the effects; this file moves the
// bytes.

import module from "../build/room.wasm";
import { frameBytes, inputBytes, secretBytes, type Event } from "./abi";
import { Effects } from "./effects";
import type { Exports } from "./exports";
import type { Draw, Kept } from "./kept";
import type { Performer } from "./performer";
import { wasi } from "./wasi";

/** The Wasm instance is gone: it trapped. The call had no effect. */
export class Trap extends Error {}

/**
 * What the platform puts in place of bytes that are not UTF-8. The frame is not what its sender
 * sent then, so the core gets a byte that it refuses. A client that means the character itself has
 * to escape it.
 */
export const replacement = "\ufffd";
const notUtf8 = new Uint8Array([0xff]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();

let instance: Core | undefined;

/**
 * The one Wasm instance of this isolate. It serves every room in it, and is rebuilt after a trap.
 */
export function core(): Core {
  return (instance ??= new Core());
}

/**
 * A Wasm instance. A room in it is known by a handle, and may be dropped at any time: then it is
 * woken again.
 */
export class Core {
  readonly #exports: Exports;
  readonly #mailbox: number;
  #view: DataView;
  #input: Uint8Array;
  readonly #effects = new Effects();
  #stderr = "";

  constructor() {
    let memory: WebAssembly.Memory | undefined;
    const imports = wasi(
      () => memory as WebAssembly.Memory,
      (text) => (this.#stderr = (this.#stderr + text).slice(0, 4096)),
    );
    // A Wasm export has no types; worker/main.go has these.
    const exports = new WebAssembly.Instance(module, { wasi_snapshot_preview1: imports }).exports as unknown as Exports;
    memory = exports.memory;
    exports._initialize();
    this.#exports = exports;
    this.#mailbox = exports.mailbox();
    this.#view = new DataView(memory.buffer);
    this.#input = this.#inputView();
  }

  /** How much memory the instance has, in bytes. */
  get memoryBytes(): number {
    return this.#exports.memory.buffer.byteLength;
  }

  /**
   * Makes a room of what was kept, and returns its handle. It throws an Error that says what is
   * wrong.
   */
  wake(nowMs: number, kept: Kept, performer: Performer): number {
    const texts: (string | Uint8Array)[] = [kept.settings, kept.roomId, kept.snapshot];
    const attached = kept.attachments.reduce((sum, { bytes }) => sum + 12 + secretBytes + bytes.length, 0);
    const size = texts.reduce((sum, text) => sum + 4 + 3 * text.length, attached);
    const length = this.#guarded(() => {
      if (size > inputBytes) {
        this.#exports.reserve(size);
      }
      this.#refresh();
      let at = 0;
      for (const text of texts) {
        at = this.#putText(at, text);
      }
      for (const { conn, bytes } of kept.attachments) {
        this.#view.setFloat64(this.#input.byteOffset + at, conn, true);
        this.putSecret(at + 8, conn, kept.draw);
        at = this.#putText(at + 8 + secretBytes, bytes);
      }
      return this.#exports.wake(nowMs, kept.alarmMs, kept.pausedMs, at);
    });
    this.#refresh();
    const start = this.#output();
    const handle = this.#view.getUint32(start, true);
    if (handle === 0) {
      throw new Error(decoder.decode(this.#bytes(start + 4, length - 4)));
    }
    this.#effects.perform(this.#view, start + 4, start + length, performer);
    return handle;
  }

  /**
   * Puts a frame in the buffer of the next step. Returns its length in bytes, or -1 for one that is
   * too large.
   */
  putFrame(frame: string): number {
    const { read, written } = encoder.encodeInto(frame, this.#input);
    if (read !== frame.length || written > frameBytes) {
      return -1;
    }
    if (written === read) {
      return written; // all of it is ASCII
    }
    return frame.includes(replacement) ? this.putBytes(notUtf8) : written;
  }

  /** Puts fresh randomness behind what is in the buffer. Returns the length of it all. */
  putSecret(at: number, conn: number, draw: Draw): number {
    draw(this.#input.subarray(at, at + secretBytes), conn);
    return at + secretBytes;
  }

  /** Puts bytes in the buffer of the next step. */
  putBytes(bytes: Uint8Array): number {
    const size = bytes.length + secretBytes;
    if (size > this.#input.length) {
      this.#guarded(() => this.#exports.reserve(size));
      this.#refresh();
    }
    this.#input.set(bytes);
    return bytes.length;
  }

  /**
   * Tries the short way for the frame: returns the connection to forward it to, or 0 if nothing has
   * happened and the room must be stepped.
   */
  relay(handle: number, conn: number, nowMs: number, length: number): number {
    try {
      return this.#exports.relay(handle, conn, nowMs, length);
    } catch (error) {
      throw this.#trap(error);
    }
  }

  /**
   * Steps a room and performs the effects. Returns false if the room has been dropped: nothing has
   * happened then.
   */
  step(handle: number, event: Event, conn: number, nowMs: number, argument: number, flags: number, length: number, performer: Performer): boolean {
    let n: number;
    try {
      n = this.#exports.step(handle, event, conn, nowMs, argument, flags, length);
    } catch (error) {
      throw this.#trap(error);
    }
    if (n < 0) {
      return false;
    }
    if (this.#input.length !== inputBytes) {
      this.#refresh(); // the memory has grown, or the input was larger than usual
    }
    if (n > 0) {
      const start = this.#output();
      this.#effects.perform(this.#view, start, start + n, performer);
    }
    return true;
  }

  /**
   * The response to GET /rooms/ROOM as JSON, "" if the room does not exist, undefined if it has
   * been dropped.
   */
  describe(handle: number): string | undefined {
    const n = this.#guarded(() => this.#exports.describe(handle));
    this.#refresh();
    return n < 0 ? undefined : decoder.decode(this.#bytes(this.#output(), n));
  }

  /**
   * When the seat was taken whose user id and resume token these are, 0 if they are none's,
   * undefined if the room has been dropped.
   */
  holds(handle: number, userId: string, token: string): number | undefined {
    this.#refresh();
    const takenAtMs = this.#guarded(() => this.#exports.holds(handle, this.#putText(this.#putText(0, userId), token)));
    return takenAtMs < 0 ? undefined : takenAtMs;
  }

  drop(handle: number): void {
    this.#guarded(() => this.#exports.drop(handle));
  }

  #guarded<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      throw this.#trap(error);
    }
  }

  /** Gives the instance up: after a trap nothing in its memory can be relied on. */
  #trap(error: unknown): Trap {
    if (instance === this) {
      instance = undefined;
    }
    console.error(JSON.stringify({ message: "the Wasm instance trapped and was dropped", error: String(error), stderr: this.#stderr }));
    return new Trap(String(error));
  }

  /** Looks at the memory and the buffers again: the one may have grown, the others moved. */
  #refresh(): void {
    const { buffer } = this.#exports.memory;
    if (this.#view.buffer !== buffer) {
      this.#view = new DataView(buffer);
      this.#input = this.#inputView();
    } else if (this.#view.getUint32(this.#mailbox, true) !== this.#input.byteOffset) {
      this.#input = this.#inputView();
    }
  }

  #inputView(): Uint8Array {
    const start = this.#view.getUint32(this.#mailbox, true);
    return this.#bytes(start, this.#view.getUint32(this.#mailbox + 8, true));
  }

  #output(): number {
    return this.#view.getUint32(this.#mailbox + 4, true);
  }

  #bytes(start: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, start, length);
  }

  #putText(at: number, text: string | Uint8Array): number {
    let length = text.length;
    if (typeof text === "string") {
      length = encoder.encodeInto(text, this.#input.subarray(at + 4)).written;
    } else {
      this.#input.set(text, at + 4);
    }
    this.#view.setUint32(this.#input.byteOffset + at, length, true);
    return at + 4 + length;
  }
}
