// `wrangler dev` as a process, and clients of it over real sockets.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

const patienceMs = 30_000;
const folder = path.resolve(import.meta.dirname, "..");

/** Waits for a condition, and fails with what it was. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !holds(); ) {
    if (Date.now() > deadline) {
      throw new Error(`not in time: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** A running `wrangler dev` with its storage in a folder. */
export class Dev {
  #output = "";
  readonly #process: ChildProcess;
  address = "";

  private constructor(storage: string, variables: Record<string, string>) {
    const vars = Object.entries({ LOG_LEVEL: "debug", ...variables }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    const args = [
      "dev",
      "--ip",
      "127.0.0.1",
      "--port",
      "0",
      "--inspector-port",
      "0",
      "--persist-to",
      storage,
      "--show-interactive-dev-session",
      "false",
      ...vars,
    ];
    // A process group of its own, so that all of it can be ended.
    this.#process = spawn(path.join(folder, "../node_modules/.bin/wrangler"), args, {
      cwd: folder,
      detached: true,
      env: { ...process.env, NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" },
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on("data", (data: Buffer) => (this.#output += data.toString()));
    }
  }

  static async start(storage: string, variables: Record<string, string> = {}): Promise<Dev> {
    const dev = new Dev(storage, variables);
    try {
      await until("wrangler dev is ready", () => dev.#process.exitCode !== null || /Ready on http:\/\/\S+/.test(dev.#output));
    } catch (error) {
      await dev.kill();
      throw error;
    }
    const ready = /Ready on http:\/\/(\S+)/.exec(dev.#output);
    if (ready?.[1] === undefined) {
      throw new Error(`wrangler dev ended:\n${dev.#output}`);
    }
    dev.address = ready[1];
    return dev;
  }

  /** Kills all of it at once, as a machine that fails would. */
  async kill(): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const ended = once(this.#process, "exit");
      process.kill(-pid, "SIGKILL");
      await ended;
    }
  }

  /** Stops all of it, as a laptop does that sleeps. */
  stop(): void {
    this.#signal("SIGSTOP");
  }

  /** Lets go on what is stopped. */
  continue(): void {
    this.#signal("SIGCONT");
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#process;
    if (pid !== undefined) {
      process.kill(-pid, signal);
    }
  }

  /** The lines of the worker's log with a message. */
  logged(message: string): Record<string, unknown>[] {
    return [...this.#output.matchAll(/\{"level":.*\}/g)]
      .map(([line]) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line["message"] === message);
  }

  get output(): string {
    return this.#output;
  }
}

/** One participant's socket. */
export class Client {
  readonly seen: Record<string, unknown>[] = [];
  closed: number | undefined;
  readonly #socket: WebSocket;
  readonly roomId: string;
  readonly userId: string;

  private constructor(dev: Dev, roomId: string, userId: string) {
    this.roomId = roomId;
    this.userId = userId;
    this.#socket = new WebSocket(`ws://${dev.address}/ws?roomId=${roomId}`);
    this.#socket.onmessage = ({ data }) => this.seen.push(JSON.parse(String(data)) as Record<string, unknown>);
    this.#socket.onclose = ({ code }) => (this.closed = code);
  }

  static async open(dev: Dev, roomId: string, userId: string): Promise<Client> {
    const client = new Client(dev, roomId, userId);
    await until(`${userId} is connected`, () => client.#socket.readyState === WebSocket.OPEN || client.closed !== undefined);
    return client;
  }

  say(type: string, fields: Record<string, unknown> = {}): void {
    this.#socket.send(JSON.stringify({ type, roomId: this.roomId, userId: this.userId, ...fields }));
  }

  /** Sends a frame as it is. */
  raw(frame: string): void {
    this.#socket.send(frame);
  }

  async join(fields: Record<string, unknown> = {}, type = "JOIN_ROOM"): Promise<Record<string, unknown>> {
    this.say(type, { userName: this.userId, protocol: 1, ...fields });
    return this.frame(type === "JOIN_ROOM" ? "ROOM_JOINED" : "ROOM_CREATED");
  }

  create(): Promise<Record<string, unknown>> {
    return this.join({}, "CREATE_ROOM");
  }

  offer(to: string, sdp: string): void {
    this.say("WEBRTC_OFFER", { targetUserId: to, offer: { type: "offer", sdp } });
  }

  /** Waits for the next frame of a type, and takes it. */
  async frame(type: string): Promise<Record<string, unknown>> {
    const index = (): number => this.seen.findIndex((frame) => frame["type"] === type);
    await until(`${this.userId} sees ${type}; so far ${JSON.stringify(this.seen)}, closed ${this.closed}`, () => index() >= 0);
    return this.seen.splice(index(), 1)[0] ?? {};
  }

  async closedWith(): Promise<number> {
    await until(`${this.userId} is closed`, () => this.closed !== undefined);
    return this.closed ?? 0;
  }

  close(code?: number): void {
    this.#socket.close(code);
  }
}
