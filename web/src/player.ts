// The film: what the <video> shows, and keeping it at the room's position.

import { VideoSync } from "@usher/client";

import { clipName, hostOf, isClip } from "./party.ts";
import type { Session } from "./session.ts";

export const clip = clipName(location.href);

/** What the viewer must do before the film that the room watches is shown. */
export type Asking = { kind: "web"; host: string } | { kind: "file"; name: string } | { kind: "unknown" };

let clipAddress: Promise<string> | undefined;

/**
 * The clip in memory: it is small, and not every static file server can send part of it, which
 * seeking would need.
 */
function loadClip(): Promise<string> {
  clipAddress ??= fetch("leader.mp4").then(async (response) => {
    if (!response.ok) {
      clipAddress = undefined;
      throw new Error(`leader.mp4: ${response.status}`);
    }
    return URL.createObjectURL(await response.blob());
  });
  return clipAddress;
}

export class Player {
  /** The film, under the name that everybody in the room understands. */
  source = clip;
  asking: Asking | undefined;
  /** The film's error, for the viewer. */
  problem = "";
  /** The browser refused to play with sound. */
  isBlocked = false;
  readonly #sync: VideoSync;
  readonly #files = new Map<string, string>();
  readonly #allowedHosts = new Set<string>();
  readonly #stop = new AbortController();

  constructor(
    readonly video: HTMLVideoElement,
    readonly session: Session,
    readonly changed: () => void,
  ) {
    const { signal } = this.#stop;
    for (const type of ["play", "pause", "seeked", "volumechange", "loadedmetadata", "durationchange", "emptied"]) {
      video.addEventListener(type, changed, { signal });
    }
    video.addEventListener("error", () => this.#failed(), { signal });
    this.#load();
    this.#sync = new VideoSync(video, session.mesh, {
      source: () => this.source,
      open: (source) => this.#show(source),
      onRefused: () => session.say(session.deniedWords),
      onBlocked: () => {
        this.isBlocked = true;
        changed();
      },
    });
  }

  get driftMs(): number {
    return this.#sync.driftMs;
  }

  close(): void {
    this.#stop.abort();
    this.#sync.close();
    for (const address of this.#files.values()) {
      URL.revokeObjectURL(address);
    }
  }

  toggle(): void {
    if (this.#mayControl()) {
      if (this.video.paused) {
        void this.video.play().catch(() => undefined); // its element reports the reason
      } else {
        this.video.pause();
      }
    }
  }

  seek(seconds: number): void {
    if (this.#mayControl() && Number.isFinite(this.video.duration)) {
      this.video.currentTime = Math.min(Math.max(0, seconds), this.video.duration);
    }
  }

  setMuted(muted: boolean): void {
    this.video.muted = muted;
    this.isBlocked = false;
    this.changed();
  }

  setVolume(volume: number): void {
    this.video.volume = volume;
    this.setMuted(volume === 0);
  }

  /**
   * Shows another film to everybody. An address that the viewer typed needs no further permission
   * from the viewer.
   */
  choose(source: string): void {
    if (this.#mayControl()) {
      this.#allowedHosts.add(hostOf(source));
      this.#show(source);
      this.#sync.announce();
    }
  }

  chooseFile(file: File): void {
    if (this.#mayControl()) {
      const source = `file:${file.name}`;
      this.#keep(source, file);
      this.#show(source);
      this.#sync.announce();
    }
  }

  /** The viewer's own copy of the file that the room watches; it may have another name. */
  giveCopy(file: File): void {
    this.#keep(this.source, file);
    this.#load();
  }

  /** Loads the film from the room's address for it. */
  allowHost(): void {
    this.#allowedHosts.add(hostOf(this.source));
    this.#load();
  }

  #mayControl(): boolean {
    if (!this.session.mayControl) {
      this.session.say(this.session.deniedWords);
    }
    return this.session.mayControl;
  }

  #keep(source: string, file: File): void {
    const earlier = this.#files.get(source);
    if (earlier !== undefined) {
      URL.revokeObjectURL(earlier);
    }
    this.#files.set(source, URL.createObjectURL(file));
  }

  #show(source: string): void {
    const isSame = isClip(source) && isClip(this.source); // under another server's name
    this.source = source;
    if (!isSame) {
      this.#load();
    }
  }

  /** Puts the film into the element, or asks the viewer for what that requires. */
  #load(): void {
    const { source, video } = this;
    this.asking = this.#asks();
    this.problem = "";
    // Nothing of the previous film may remain, whatever the viewer is asked.
    video.removeAttribute("src");
    video.load();
    if (this.asking === undefined) {
      video.loop = isClip(source);
      if (isClip(source)) {
        void this.#loadClip();
      } else {
        video.src = this.#files.get(source) ?? source;
      }
    }
    this.changed();
  }

  async #loadClip(): Promise<void> {
    try {
      const address = await loadClip();
      if (isClip(this.source) && !this.#stop.signal.aborted) {
        this.video.src = address;
      }
    } catch {
      this.problem = "The clip could not be loaded.";
      this.changed();
    }
  }

  #asks(): Asking | undefined {
    const { source } = this;
    if (isClip(source) || this.#files.has(source)) {
      return undefined;
    }
    if (source.startsWith("file:")) {
      return { kind: "file", name: source.slice("file:".length) };
    }
    const host = hostOf(source);
    if (host === "") {
      return { kind: "unknown" };
    }
    return host === location.host || this.#allowedHosts.has(host) ? undefined : { kind: "web", host };
  }

  #failed(): void {
    if (this.asking === undefined && this.video.hasAttribute("src")) {
      const host = hostOf(this.source);
      this.problem = host === "" ? "This browser cannot play that file." : `What ${host} sends is not a film that this browser can play.`;
      this.changed();
    }
  }
}
