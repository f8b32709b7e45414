// Listens to WebSocket messages on their way through a proxy. A page's own are easier to see with
// FrameLog.watch; a service worker's are visible only here.

import * as ws from "ws";
import type { Writable } from "node:stream";

/** This is part of ws's interface, but missing from its types. */
type ReceiverClass = new (options: { isServer: boolean }) => Writable;
const { Receiver } = ws as unknown as { Receiver: ReceiverClass };

const endOfHead = "\r\n\r\n";

export class Tap {
  readonly #isFromClient: boolean;
  readonly #heard: (text: string) => void;
  #head = "";
  #receiver: Writable | undefined;
  #isPlain = false;

  /** For one direction of one connection. What a client sends is masked. */
  constructor(isFromClient: boolean, heard: (text: string) => void) {
    this.#isFromClient = isFromClient;
    this.#heard = heard;
  }

  /**
   * Takes the passing bytes, in whatever pieces, and returns the bytes to pass on: the same, except
   * for the offer to compress messages, which could then not be read.
   */
  pass(data: Buffer): Buffer {
    if (this.#receiver !== undefined) {
      this.#receiver.write(Buffer.from(data)); // it unmasks in place
    } else if (!this.#isPlain) {
      this.#listenToHead(data);
      return Buffer.from(data.toString("latin1").replace(/^sec-websocket-extensions:/im, "x-websocket-extensions-:"), "latin1");
    }
    return data;
  }

  #listenToHead(data: Buffer): void {
    this.#head += data.toString("latin1");
    const end = this.#head.indexOf(endOfHead);
    if (end < 0) {
      return;
    }
    if (!/^upgrade: *websocket/im.test(this.#head.slice(0, end))) {
      this.#isPlain = true; // another request, and no WebSocket comes after it
      return;
    }
    // There is no listener for errors: frames that cannot be read would not be counted, so they
    // must fail the test.
    const receiver = new Receiver({ isServer: this.#isFromClient });
    receiver.on("message", (message: Buffer) => this.#heard(message.toString()));
    this.#receiver = receiver;
    receiver.write(Buffer.from(this.#head.slice(end + endOfHead.length), "latin1"));
  }
}
