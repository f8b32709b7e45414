import { mayControl } from "./control.js";
import { actTime, hostsWord, positionAt, type Film } from "./film.js";
import { Pace } from "./pace.js";
import type { SyncPort } from "./syncPort.js";

/** What VideoSync asks of the page. */
export interface VideoSyncOptions {
  /**
   * Names what the element shows now, for all participants: by the page's address, for instance.
   */
  source(): string;
  /**
   * The room watches another film: show it, or ask the viewer first. source() names it from then
   * on.
   */
  open(url: string): void;
  /** The viewer may not control the film; the element is back at the room's position. */
  onRefused?(): void;
  /**
   * The browser plays only without sound until the viewer touches the page. The element is muted
   * now.
   */
  onBlocked?(): void;
}

const loopMs = 200;
/**
 * A drift, in seconds: what is let be while the film is paused, and what is mended by a jump while
 * it plays; Pace mends what is less.
 */
const steady = 0.025;
const jump = 0.75;
/** A host that is off by this many seconds was held up, and the others wait for it. */
const heldUp = 0.35;
/** How often the host says where it is though nothing happens, ms. */
const sayAgainMs = 30_000;

/**
 * Keeps a `<video>` of the document at the position of the room's film. Everybody follows the same
 * line through the server's time, so nobody waits for anybody's messages. If the viewer plays,
 * pauses or seeks, so does the room, or it is undone if the viewer may not. The others wait for a
 * host whose element was held up.
 */
export class VideoSync {
  readonly #video: HTMLVideoElement;
  readonly #port: SyncPort;
  readonly #options: VideoSyncOptions;
  readonly #stop = new AbortController();
  readonly #unsubscribe: () => void;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #pace: Pace;
  /**
   * Whether the element is paused as far as its events have told. If not, the viewer's event is
   * still on its way.
   */
  #isPaused: boolean;
  #soughtTo = -1;
  #asked = "";

  /** Takes hold of the element until close(). */
  constructor(video: HTMLVideoElement, port: SyncPort, options: VideoSyncOptions) {
    this.#video = video;
    this.#port = port;
    this.#options = options;
    this.#isPaused = video.paused;
    this.#pace = new Pace(video);
    const { signal } = this.#stop;
    video.addEventListener("play", () => this.#played(), { signal });
    video.addEventListener("pause", () => this.#paused(), { signal });
    video.addEventListener("seeking", () => this.#sought(), { signal });
    video.addEventListener("ended", () => this.#ended(), { signal });
    video.addEventListener("emptied", () => this.#emptied(), { signal });
    video.addEventListener("loadedmetadata", () => this.#apply(), { signal });
    this.#unsubscribe = port.on("film", () => this.#apply());
    this.#timer = setInterval(() => this.#follow(), loopMs);
    this.#apply();
  }

  /**
   * How far the element is ahead of the room's film, ms; negative if it is behind, 0 if it shows
   * another film or none.
   */
  get driftMs(): number {
    return this.#drift() * 1000;
  }

  /**
   * Announces that the viewer has chosen the film that source() names now, paused at the element's
   * position. Returns false, and the choice is undone, if the viewer may not control the film.
   */
  announce(): boolean {
    return this.#act("PAUSE");
  }

  /** Lets go of the element and leaves it as it is. */
  close(): void {
    clearInterval(this.#timer);
    this.#stop.abort();
    this.#unsubscribe();
    this.#pace.reset();
  }

  #drift(): number {
    const { film } = this.#port;
    const { currentTime, duration, loop } = this.#video;
    if (film === undefined || !this.#isShown(film)) {
      return 0;
    }
    const target = positionAt(film, this.#port.serverTime());
    if (!(duration > 0)) {
      return currentTime - target;
    }
    if (!loop) {
      return currentTime - Math.min(target, duration);
    }
    const drift = (currentTime - target) % duration;
    return Math.abs(drift) <= duration / 2 ? drift : drift - Math.sign(drift) * duration;
  }

  #isShown(film: Film): boolean {
    return (film.url === "" || film.url === this.#options.source()) && this.#video.readyState >= 1;
  }

  get #isHost(): boolean {
    return this.#port.room?.hostId === this.#port.userId;
  }

  /** The film has changed, or the element has. */
  #apply(): void {
    const { film } = this.#port;
    const video = this.#video;
    if (film === undefined) {
      return;
    }
    if (film.url !== "" && film.url !== this.#options.source()) {
      this.#pace.reset();
      this.#askFor(film.url);
      if (film.url !== this.#options.source()) {
        return;
      }
    }
    this.#asked = "";
    if (!this.#isShown(film) || video.paused !== this.#isPaused) {
      return;
    }
    const drift = this.#drift();
    if (Math.abs(drift) > (film.playing ? heldUp : steady)) {
      this.#seek(drift);
    }
    if (film.playing && video.paused && !this.#isOver(film)) {
      void this.#play();
    } else if (!film.playing && !video.paused) {
      video.pause();
      this.#isPaused = true;
      this.#pace.reset();
    }
  }

  #askFor(url: string): void {
    if (url !== this.#asked) {
      this.#asked = url;
      this.#options.open(url);
    }
  }

  #isOver(film: Film): boolean {
    const { loop, duration } = this.#video;
    return !loop && positionAt(film, this.#port.serverTime()) >= duration;
  }

  #seek(drift: number): void {
    const { currentTime, duration, loop } = this.#video;
    this.#pace.reset();
    let target = currentTime - drift;
    if (duration > 0) {
      // Over the film's end or before its beginning.
      target = loop ? (target + duration) % duration : Math.min(target, duration);
    }
    this.#soughtTo = Math.max(0, target);
    this.#video.currentTime = this.#soughtTo;
  }

  async #play(): Promise<void> {
    const video = this.#video;
    try {
      const playing = video.play();
      this.#isPaused = video.paused;
      await playing;
    } catch (error) {
      if ((error as Error).name !== "NotAllowedError") {
        return; // paused again, or another film
      }
      if (!video.muted) {
        video.muted = true;
        const playing = video.play();
        this.#isPaused = video.paused;
        await playing.catch(() => undefined);
      }
      this.#options.onBlocked?.();
    }
  }

  /** Every now and then: what small drift there is goes by speed, which nobody notices. */
  #follow(): void {
    const { film } = this.#port;
    const video = this.#video;
    if (film === undefined || !this.#isShown(film) || video.seeking || video.readyState < 3) {
      return;
    }
    if (film.playing === video.paused && !this.#isOver(film)) {
      this.#apply();
      return;
    }
    if (!film.playing || video.ended) {
      return;
    }
    const drift = this.#drift();
    if (this.#isHost && (Math.abs(drift) > heldUp || this.#port.serverTime() - film.atMs > sayAgainMs)) {
      this.#say(film);
    } else if (Math.abs(drift) > jump || this.#pace.follow(drift, film, this.#port.serverTime())) {
      this.#seek(drift);
    }
  }

  #say(film: Film): void {
    this.#port.send(hostsWord(film, this.#video.currentTime, this.#port.serverTime(), this.#options.source()));
  }

  // The viewer's doing is told from our own by the film: an element that is as the film says was
  // not touched.

  #played(): void {
    this.#isPaused = this.#video.paused;
    if (!this.#video.paused && this.#port.film?.playing !== true) {
      this.#act("PLAY");
    }
  }

  /** Another source pauses without a word. */
  #emptied(): void {
    this.#isPaused = this.#video.paused;
    this.#pace.reset();
  }

  #paused(): void {
    this.#isPaused = this.#video.paused;
    this.#pace.reset();
    // An element that the page takes out of the document pauses by itself.
    if (this.#video.paused && this.#video.isConnected && !this.#video.ended && this.#port.film?.playing === true) {
      this.#act("PAUSE");
    }
  }

  #sought(): void {
    const { film } = this.#port;
    const isOurs = Math.abs(this.#video.currentTime - this.#soughtTo) < 0.01;
    const isThere = film !== undefined && Math.abs(this.#drift()) < (film.playing ? 0.3 : steady);
    if (!isOurs && !isThere) {
      this.#act("SEEK");
    }
  }

  #ended(): void {
    if (this.#isHost && this.#port.film?.playing === true) {
      this.#act("PAUSE");
    }
  }

  #act(action: "PLAY" | "PAUSE" | "SEEK"): boolean {
    const { film, room, userId } = this.#port;
    // An element that shows something else than the room's film is the viewer's own affair.
    const isElsewhere = action !== "PAUSE" && film !== undefined && film.url !== "" && film.url !== this.#options.source();
    if (isElsewhere) {
      return false;
    }
    if (room !== undefined && mayControl(room, userId, "UNIFIED_SYNC")) {
      const serverTime = this.#port.serverTime();
      const time = this.#video.currentTime;
      this.#port.send({ type: "UNIFIED_SYNC", action, time, videoUrl: this.#options.source(), serverTime, actedAt: actTime(film, serverTime) });
      return true;
    }
    this.#options.onRefused?.();
    this.#apply();
    if (film === undefined) {
      this.#video.pause();
      this.#isPaused = true;
    }
    return false;
  }
}
