import type { IceServer, ServerMessage } from "./signaling.js";
import type { StoredSeat } from "./store.js";

const timeoutMs = 5000;
/**
 * For how long credentials are used for new connections, ms, if the server does not say how long
 * they are valid.
 */
const keepMs = 3_600_000;

/** What a server hands out. */
interface Handout {
  iceServers: IceServer[];
  /** For how long the credentials are valid, s. */
  ttl?: number;
}

/**
 * The ICE servers that a server hands out to one seat, asked for when half of their credentials'
 * life is over.
 */
export class IceServers {
  readonly #socketUrl: URL;
  readonly #seat: () => StoredSeat | undefined;
  #asked: { promise: Promise<IceServer[]>; untilMs: number; token: string } | undefined;

  /** The seat is the one that there is at the time: it proves itself by its token. */
  constructor(socketUrl: URL, seat: () => StoredSeat | undefined) {
    this.#socketUrl = socketUrl;
    this.#seat = seat;
  }

  /** None if that fails; it is asked again next time. */
  get(): Promise<IceServer[]> {
    const seat = this.#seat();
    if (this.#asked === undefined || Date.now() > this.#asked.untilMs || this.#asked.token !== (seat?.resumeToken ?? "")) {
      const asked = { promise: this.#ask(seat), untilMs: Date.now() + keepMs, token: seat?.resumeToken ?? "" };
      this.#asked = asked;
    }
    return this.#asked.promise;
  }

  /** Takes what the server sends by itself. */
  hear(message: ServerMessage): void {
    if (message.type !== "ICE_SERVERS") {
      return;
    }
    const { iceServers, ttl } = message;
    this.#asked = { promise: Promise.resolve(iceServers), untilMs: Date.now() + lifeMs(ttl), token: this.#seat()?.resumeToken ?? "" };
  }

  async #ask(seat: StoredSeat | undefined): Promise<IceServer[]> {
    const handout = await fetchIceServers(this.#socketUrl, seat);
    const asked = this.#asked;
    if (asked !== undefined && asked.token === (seat?.resumeToken ?? "")) {
      this.#asked = handout === undefined ? undefined : { ...asked, untilMs: Math.min(asked.untilMs, Date.now() + lifeMs(handout.ttl)) };
    }
    return handout?.iceServers ?? [];
  }
}

/** Half the life of credentials. */
function lifeMs(ttl: number | undefined): number {
  return typeof ttl === "number" && ttl > 0 ? Math.min(ttl * 500, keepMs) : keepMs;
}

/** Asks GET /turn-credentials beside the WebSocket address. */
async function fetchIceServers(socketUrl: URL, seat: StoredSeat | undefined): Promise<Handout | undefined> {
  const url = new URL(socketUrl);
  const { roomId = "", userId = "", resumeToken = "" } = seat ?? {};
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = url.pathname.replace(/ws\/?$/, "turn-credentials");
  url.search = new URLSearchParams({ userId, roomId }).toString();
  const headers = resumeToken === "" ? undefined : { Authorization: `Bearer ${resumeToken}` };
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), ...(headers === undefined ? {} : { headers }) });
    const handout = (await response.json()) as Partial<Handout>;
    return Array.isArray(handout.iceServers) ? { ...handout, iceServers: handout.iceServers } : undefined;
  } catch {
    return undefined;
  }
}
