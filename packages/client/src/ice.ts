import type { IceServer } from "./signaling.js";

const timeoutMs = 5000;

/** Asks GET /turn-credentials beside the WebSocket address; undefined where that fails. */
export async function fetchIceServers(socketUrl: string, userId: string): Promise<IceServer[] | undefined> {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = url.pathname.replace(/ws$/, "turn-credentials");
  url.search = new URLSearchParams({ userId }).toString();
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    const { iceServers } = (await answer.json()) as { iceServers?: IceServer[] };
    return Array.isArray(iceServers) ? iceServers : undefined;
  } catch {
    return undefined;
  }
}
