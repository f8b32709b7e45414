// The content script: keeps the page's largest film where the room is. It is injected when the
// viewer asks for it in the popup.

import { Emitter, nextFilm, VideoSync, type Film, type RoomState, type SyncPort, type SyncPortEvents } from "@usher/client";
import type { FromPage, PageSync, ToPage } from "./messages.ts";

/** PeerMesh as the content script sees it: it is at the other end of a port. */
class PagePort extends Emitter<SyncPortEvents> implements SyncPort {
  readonly #port = chrome.runtime.connect({ name: "page" });
  #offsetMs = 0;
  #sent = 0;
  userId = "";
  room: RoomState | undefined;
  film: Film | undefined;

  /** The port ends when the room is left, or when another page is to show the film. */
  constructor(ended: () => void) {
    super();
    this.#port.onDisconnect.addListener(ended);
    this.#port.onMessage.addListener((message: ToPage) => this.#hear(message));
  }

  serverTime(): number {
    return Date.now() + this.#offsetMs;
  }

  /**
   * The film is at once as the viewer wants it; otherwise VideoSync would undo it while the message
   * is on its way.
   */
  send(message: PageSync): boolean {
    this.film = nextFilm(this.film, { ...message, userId: this.userId, timestamp: Date.now() }, this.serverTime());
    this.#sent += 1;
    this.#port.postMessage({ type: "SYNC", message } satisfies FromPage);
    return true;
  }

  close(): void {
    this.#port.disconnect();
  }

  #hear(message: ToPage): void {
    this.#offsetMs = message.offsetMs;
    switch (message.type) {
      case "FILM":
        // One from before the mesh has heard of what was sent is no news.
        if (message.taken >= this.#sent) {
          this.film = message.film;
          this.emit("film", message.film);
        }
        break;
      case "ROOM":
        this.userId = message.userId;
        this.room = message.room;
        this.emit("room", message.room);
        break;
      case "CLOCK":
        break;
      default:
        message satisfies never;
    }
  }
}

/** The page is the film's name: what is in its address after # is not. */
const source = (): string => location.href.replace(/#.*/, "");

function largestVideo(): HTMLVideoElement | undefined {
  const area = (video: HTMLVideoElement): number => video.clientWidth * video.clientHeight;
  return [...document.querySelectorAll("video")].sort((a, b) => area(b) - area(a))[0];
}

function watch(): () => void {
  const end = new AbortController();
  const { signal } = end;
  let sync: VideoSync | undefined;
  let shown: HTMLVideoElement | undefined;
  const port = new PagePort(() => end.abort());
  const choose = (): void => {
    const video = largestVideo();
    if (video !== undefined && video !== shown && port.room !== undefined) {
      sync?.close();
      shown = video;
      // If the room watches another page, the popup has a link to it.
      sync = new VideoSync(video, port, { source, open: () => undefined });
    }
  };
  const stop = port.on("room", (room) => {
    stop();
    choose();
    // Asked for by somebody who may choose, so the room watches this page from now on.
    if ((room.hostId === port.userId || room.controlMode === "FREE_FOR_ALL") && port.film?.url !== source()) {
      sync?.announce();
    }
  });
  // The page may bring its film later, or another one.
  document.addEventListener("loadedmetadata", choose, { capture: true, signal });
  signal.addEventListener("abort", () => {
    sync?.close();
    port.close();
  });
  return () => end.abort();
}

// Injected once more, it starts over.
const world = globalThis as { endUsherFilm?: () => void };
world.endUsherFilm?.();
world.endUsherFilm = watch();
