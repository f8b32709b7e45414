// What WebRTC does in a page, as reported by getStats and not by the page.

import type { Page } from "playwright-core";

interface Kept {
  __peerConnections?: RTCPeerConnection[];
}

/**
 * Records all peer connections of a page in window.__peerConnections. Call it before the first
 * navigation.
 */
export async function keepPeerConnections(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const kept: RTCPeerConnection[] = [];
    (window as Kept).__peerConnections = kept;
    const Native = window.RTCPeerConnection as typeof RTCPeerConnection | undefined;
    if (Native === undefined) {
      return; // a browser without
    }
    window.RTCPeerConnection = class extends Native {
      constructor(configuration?: RTCConfiguration) {
        super(configuration);
        kept.push(this);
      }
    };
  });
}

/**
 * Returns how many peer connections have an open data channel on a nominated pair of candidates
 * whose checks succeed. (A person may have two: both sides made one when both offered at once.)
 */
export function openChannels(page: Page): Promise<number> {
  return page.evaluate(async () => {
    let open = 0;
    for (const connection of (window as Kept).__peerConnections ?? []) {
      const stats: { type: string; state?: string; nominated?: boolean }[] = [...(await connection.getStats()).values()];
      const isPair = stats.some(({ type, state, nominated }) => type === "candidate-pair" && state === "succeeded" && nominated === true);
      const isOpen = stats.some(({ type, state }) => type === "data-channel" && state === "open");
      open += connection.connectionState === "connected" && isPair && isOpen ? 1 : 0;
    }
    return open;
  });
}
