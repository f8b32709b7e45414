import { Emitter, type IceServer, type Outgoing, type RoomState, type Signaling, type SignalingEvents, type Status } from "@usher/client";
import type { FromMesh, MeshReport, ToMesh } from "./messages.ts";
import { LastingPort } from "./port.ts";

/**
 * RoomClient as the offscreen document sees it: the service worker has the socket, and this tells
 * and asks it over a port.
 */
export class PortSignaling extends Emitter<SignalingEvents> implements Signaling {
  readonly #port = new LastingPort<FromMesh, ToMesh>(
    "mesh",
    (message) => this.#hear(message),
    () => this.#lost(),
  );
  #iceServers: IceServer[] | undefined;
  #iceServersCame: (() => void)[] = [];
  #offsetMs = 0;
  #report: MeshReport = { routes: {}, filmUrl: "" };

  /** Called when the estimate of the server's clock has changed. */
  clockChanged = (): void => {};
  status: Status = { state: "idle" };
  userId = "";
  room: RoomState | undefined;

  send(message: Outgoing): boolean {
    return this.status.state === "seated" && this.#port.send({ type: "SEND", message });
  }

  serverTime(): number {
    return Date.now() + this.#offsetMs;
  }

  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** They come after the seat; the service worker asks for them while it takes it. */
  async iceServers(): Promise<IceServer[]> {
    if (this.#iceServers === undefined) {
      await new Promise<void>((resolve) => this.#iceServersCame.push(resolve));
    }
    return this.#iceServers ?? [];
  }

  /** What the popup is to show; a service worker that has just started is told again. */
  report(report: MeshReport): void {
    this.#report = report;
    this.#port.send({ type: "REPORT", report });
  }

  /**
   * The service worker was stopped, and its socket with it. The room is as it was, and the seat is
   * held until the next one resumes it.
   */
  #lost(): void {
    this.#setStatus({ state: "waiting", attempt: 1, retryAtMs: Date.now() });
  }

  #hear(message: ToMesh): void {
    if (Math.abs(message.offsetMs - this.#offsetMs) >= 1) {
      this.#offsetMs = message.offsetMs;
      this.clockChanged();
    }
    switch (message.type) {
      case "SNAPSHOT":
        this.userId = message.userId === "" ? this.userId : message.userId;
        this.#setStatus(message.status);
        if (message.room !== undefined) {
          this.#setRoom(message.room);
        }
        this.report(this.#report);
        break;
      case "STATUS":
        this.userId = message.userId;
        this.#setStatus(message.status);
        break;
      case "ROOM":
        this.#setRoom(message.room);
        break;
      case "SEATED":
        this.emit("seated", message.reply);
        break;
      case "MESSAGE":
        this.#iceServers = message.message.type === "ICE_SERVERS" ? message.message.iceServers : this.#iceServers;
        this.emit("message", message.message);
        break;
      case "ICE_SERVERS":
        this.#iceServers = message.iceServers;
        for (const tell of this.#iceServersCame.splice(0)) {
          tell();
        }
        break;
      default:
        message satisfies never;
    }
  }

  #setStatus(status: Status): void {
    this.status = status;
    this.emit("status", status);
  }

  #setRoom(room: RoomState): void {
    this.room = room;
    this.emit("room", room);
  }
}
