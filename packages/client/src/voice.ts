// What a client that has a seat says to the server.

import type { ClientMessage } from "@usher/types";
import type { Keeper } from "./keeper.js";
import type { Line } from "./line.js";
import type { Refused } from "./options.js";
import type { Consequences, Requests } from "./request.js";
import type { Outgoing } from "./signaling.js";

export class Voice {
  /** The server says which request a reply is for. */
  echoesRefs = false;
  readonly #line: Line;
  readonly #requests: Requests;
  readonly #keeper: Keeper;
  readonly #refused: (refused: Refused) => void;

  constructor(line: Line, requests: Requests, keeper: Keeper, refused: (refused: Refused) => void) {
    this.#line = line;
    this.#requests = requests;
    this.#keeper = keeper;
    this.#refused = refused;
  }

  /** Sends what nobody waits for. Returns false if nothing was sent. */
  say(message: Outgoing): boolean {
    return this.#line.send(this.#whole(message)) === undefined;
  }

  /** Sends a message for the server to relay. Returns false if nothing was sent. */
  send(message: Outgoing): boolean {
    const error = this.#line.send(this.#whole(message));
    if (error !== undefined && error.code !== "CONNECTION_LOST") {
      this.#refused({ error, messageType: message.type, targetUserId: message.targetUserId });
    }
    return error === undefined;
  }

  /** Sends a request, and waits for its reply. */
  ask(message: Outgoing, consequences?: Consequences): Promise<void> {
    const { promise, ref, begin, end } = this.#requests.add(message.type, consequences);
    const isMarked = this.echoesRefs && message.type !== "CONTROL_MODE_CHANGE";
    const full = { ...this.#whole(message), ...(isMarked ? { ref } : {}) } as ClientMessage;
    const error = isMarked ? this.#line.send(full) : this.#line.sendProbed(full, begin, end);
    if (error !== undefined) {
      this.#requests.refuse(error, ref, undefined);
    }
    return promise;
  }

  #whole(message: Outgoing): ClientMessage {
    const { roomId = "", userId = "" } = this.#keeper.seat ?? {};
    return { ...message, roomId, userId, timestamp: Date.now() } as ClientMessage;
  }
}
