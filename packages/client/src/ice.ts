import type { IceServer } from "./signaling.js";

const timeoutMs = 5000;
/** For how long credentials are used for new connections, ms; the server's live 12 h by default. */
const keepMs = 3_600_000;

/** The ICE servers that a server hands out to one participant, asked for once an hour at most. */
export class IceServers {
  readonly #socketUrl: URL;
  readonly #userId: string;
  #asked: { promise: Promise<IceServer[]>; atMs: number } | undefined;

  constructor(socketUrl: URL, userId: string) {
    this.#socketUrl = socketUrl;
    this.#userId = userId;
  }

  /** None if that fails; it is asked again next time. */
  get(): Promise<IceServer[]> {
    const nowMs = Date.now();
    if (this.#asked === undefined || nowMs - this.#asked.atMs > keepMs) {
      const promise = fetchIceServers(this.#socketUrl, this.#userId).then((iceServers) => {
        this.#asked = iceServers === undefined ? undefined : this.#asked;
        return iceServers ?? [];
      });
      this.#asked = { promise, atMs: nowMs };
    }
    return this.#asked.promise;
  }
}

/** Asks GET /turn-credentials beside the WebSocket address. */
async function fetchIceServers(socketUrl: URL, userId: string): Promise<IceServer[] | undefined> {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = url.pathname.replace(/ws\/?$/, "turn-credentials");
  url.search = new URLSearchParams({ userId }).toString();
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const { iceServers } = (await answer.json()) as { iceServers?: IceServer[] };
    return Array.isArray(iceServers) ? iceServers : undefined;
  } catch {
    return undefined;
  }
}
