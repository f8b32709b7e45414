import { failure, type RoomError } from "./error.js";
import type { ServerMessage } from "./signaling.js";

/** One request that waits for its answer. */
export interface Request {
  readonly promise: Promise<void>;
  /** Says that it has been carried out, whatever the server tells of it. */
  settle(): void;
}

interface Pending {
  answers: (message: ServerMessage) => boolean;
  resolve: () => void;
  reject: (error: RoomError) => void;
}

/** The requests that are under way. An ERROR does not say whose it is, but a connection is answered in order: it is the oldest's. */
export class Requests {
  readonly #timeoutMs: number;
  #pending: Pending[] = [];

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  add(answers: (message: ServerMessage) => boolean): Request {
    let settle = (): void => undefined;
    const promise = new Promise<void>((resolve, reject) => {
      const close = (end: () => void): void => {
        clearTimeout(timer);
        this.#pending = this.#pending.filter((other) => other !== pending);
        end();
      };
      const pending: Pending = { answers, resolve: () => close(resolve), reject: (error) => close(() => reject(error)) };
      const timer = setTimeout(() => pending.reject(failure("TIMED_OUT")), this.#timeoutMs);
      this.#pending.push(pending);
      settle = pending.resolve;
    });
    return { promise, settle };
  }

  answer(message: ServerMessage): void {
    this.#pending.find((pending) => pending.answers(message))?.resolve();
  }

  refuse(error: RoomError): void {
    this.#pending[0]?.reject(error);
  }

  fail(error: RoomError): void {
    for (const pending of this.#pending) {
      pending.reject(error);
    }
  }
}
