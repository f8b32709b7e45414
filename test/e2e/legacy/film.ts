// What the legacy client sends and obeys about the film, on data channels only. Runs in the page.

export type ControlMode = "HOST_ONLY" | "FREE_FOR_ALL";

/** A message on a data channel. */
export interface SyncMessage {
  type: string;
  userId: string;
  [field: string]: unknown;
}

/** The film as this client wants it. */
export interface FilmView {
  state: "PLAYING" | "PAUSED";
  /** In seconds, at the last message about it. */
  time: number;
  url: string;
}

export class Film {
  mode: ControlMode = "HOST_ONLY";
  view: FilmView = { state: "PAUSED", time: 0, url: "" };
  /** Every message that was received, obeyed or not. */
  readonly heard: SyncMessage[] = [];

  /** Plays, pauses or seeks, and returns the message to send about it. */
  act(action: "PLAY" | "PAUSE" | "SEEK", time: number): Partial<SyncMessage> {
    this.#apply(action, time);
    const { state, url } = this.view;
    return this.mode === "FREE_FOR_ALL" ? { type: "UNIFIED_SYNC", action, time, videoUrl: url } : { type: "HOST_STATE_UPDATE", state, time, hostVideoUrl: url };
  }

  navigate(url: string): Partial<SyncMessage> {
    this.view = { ...this.view, url };
    return { type: "HOST_NAVIGATE", url };
  }

  /**
   * In HOST_ONLY it obeys HOST_STATE_UPDATE and HOST_NAVIGATE, in FREE_FOR_ALL UNIFIED_SYNC, and in
   * both a change of mode by the host.
   */
  hear(message: SyncMessage, isFromHost: boolean): void {
    this.heard.push(message);
    const isHostOnly = this.mode === "HOST_ONLY";
    const time = Number(message["time"]);
    if (message.type === "CONTROL_MODE_CHANGE" && isFromHost) {
      this.mode = message["mode"] as ControlMode;
    } else if (message.type === "HOST_STATE_UPDATE" && isHostOnly) {
      this.view = { state: message["state"] as FilmView["state"], time, url: String(message["hostVideoUrl"] ?? this.view.url) };
    } else if (message.type === "HOST_NAVIGATE" && isHostOnly) {
      this.view = { ...this.view, url: String(message["url"]) };
    } else if (message.type === "UNIFIED_SYNC" && !isHostOnly) {
      this.#apply(message["action"], time);
    }
  }

  #apply(action: unknown, time: number): void {
    const state = action === "SEEK" ? this.view.state : action === "PLAY" ? "PLAYING" : "PAUSED";
    this.view = { ...this.view, state, time };
  }
}
