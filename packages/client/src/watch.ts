/** Of a connection that is lost: how long it may come back by itself, ms. */
const disconnectedMs = 2000;
/** How long one try to connect may take before it is begun again, ms. */
const connectMs = 12_000;
const maxConnectMs = 60_000;

/** Sees to it that a peer connection comes, or comes back. */
export class Watch {
  readonly #polite: () => boolean;
  readonly #begin: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #tries = 0;

  /** begin() begins again with a connection of its own. */
  constructor(polite: () => boolean, begin: () => void) {
    this.#polite = polite;
    this.#begin = begin;
  }

  /** Looks at the state of the connection, at first and whenever it has changed. */
  follow(connection: RTCPeerConnection): void {
    this.stop();
    const tryMs = Math.min(connectMs * 2 ** this.#tries, maxConnectMs);
    switch (connection.connectionState) {
      case "connected":
        this.#tries = 0;
        break;
      case "disconnected":
        this.#timer = setTimeout(() => {
          connection.restartIce();
          this.#beginAfter(tryMs);
        }, disconnectedMs);
        break;
      case "failed":
        connection.restartIce();
        this.#beginAfter(tryMs);
        break;
      case "new":
      case "connecting":
        this.#beginAfter(tryMs);
        break;
      case "closed":
        break;
    }
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The polite side leaves it to the other for as long again. */
  #beginAfter(ms: number): void {
    this.stop();
    this.#timer = setTimeout(
      () => {
        this.#tries += 1;
        this.#begin();
      },
      this.#polite() ? 2 * ms : ms,
    );
  }
}
