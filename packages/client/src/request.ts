import { Deferred } from "./deferred.js";
import { failure, type RoomError } from "./error.js";
import type { ServerMessage } from "./signaling.js";

/** How long a reply may take, ms. */
const replyTimeoutMs = 10_000;

/** What a request changes on this side, beside settling. */
export interface Consequences {
  /** reply is the message that settles it, if it has more to tell than that. */
  done?: (reply?: ServerMessage) => void;
  undone?: () => void;
}

/** One request that waits for its reply. */
export interface Request {
  /**
   * 1 to 36 of A-Z a-z 0-9 _ -. The server repeats it in the reply to this request and nowhere
   * else.
   */
  readonly ref: string;
  readonly promise: Promise<void>;
  /** All that was sent before it has been answered. */
  begin(): void;
  /** The request has been answered as well: if it was not refused, it was carried out. */
  end(): void;
}

interface Pending extends Consequences {
  type: string;
  deferred: Deferred<void>;
  timer: ReturnType<typeof setTimeout>;
  isBegun: boolean;
}

/**
 * The requests that are under way. A server that knows refs says which one it answers. For one that
 * does not, and for what is relayed and so has no ref, one PING goes out before the request and one
 * after it: a connection is answered in order, so an ERROR between the two PONGs is about the
 * request.
 */
export class Requests {
  readonly #pending = new Map<string, Pending>();
  #count = 0;

  add(type: string, consequences: Consequences = {}): Request {
    const ref = this.newRef();
    const timer = setTimeout(() => this.#reject(ref, failure("TIMED_OUT")), replyTimeoutMs);
    const pending: Pending = { ...consequences, type, timer, deferred: new Deferred(), isBegun: false };
    this.#pending.set(ref, pending);
    return { ref, promise: pending.deferred.promise, begin: () => (pending.isBegun = true), end: () => this.settle(ref) };
  }

  /** One that no other request of this client has. */
  newRef(): string {
    this.#count += 1;
    return `${this.#count}`;
  }

  /** Takes the ref of a reply that is no refusal. */
  settle(ref: string, reply?: ServerMessage): void {
    const pending = this.#take(ref);
    pending?.done?.(reply);
    pending?.deferred.resolve();
  }

  /**
   * Takes a refusal, and says whether it was about a request, though maybe one that waits no
   * longer.
   */
  refuse(error: RoomError, ref: string | undefined, type: string | undefined): boolean {
    const [begun] = [...this.#pending].find(([, pending]) => pending.isBegun && (type ?? pending.type) === pending.type) ?? [];
    const refused = ref ?? begun;
    if (refused === undefined) {
      return false;
    }
    this.#reject(refused, error);
    return true;
  }

  /** Fails all of them. */
  fail(error: RoomError): void {
    for (const ref of [...this.#pending.keys()]) {
      this.#reject(ref, error);
    }
  }

  #reject(ref: string, error: RoomError): void {
    const pending = this.#take(ref);
    pending?.undone?.();
    if (error.code === "ABORTED") {
      pending?.deferred.abort(error);
    } else {
      pending?.deferred.reject(error);
    }
  }

  #take(ref: string): Pending | undefined {
    const pending = this.#pending.get(ref);
    clearTimeout(pending?.timer);
    this.#pending.delete(ref);
    return pending;
  }
}
