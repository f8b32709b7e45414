// usher as a process, on either shell: the native binary, or the worker in workerd under `wrangler
// dev`. Both keep their rooms in a temporary folder, and may be killed and restarted on the same
// port.

import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { until } from "./wait.ts";

export type Shell = "native" | "worker";

const root = path.resolve(import.meta.dirname, "../..");
const startsWithinMs = 60_000; // the worker is built when it starts

/**
 * The shells that tests run against: USHER_SHELLS="native worker", which is the default, or one of
 * them.
 */
export const shells: readonly Shell[] = (process.env["USHER_SHELLS"] ?? "native worker").split(/\s+/).map((name) => {
  if (name !== "native" && name !== "worker") {
    throw new Error(`no shell ${name} (USHER_SHELLS): native, worker`);
  }
  return name;
});

/** The command, and how its output names its address. */
interface Command {
  file: string;
  args: string[];
  folder: string;
  address: RegExp;
}

export class Server {
  readonly shell: Shell;
  /** 0 before the first start, which takes a free port. */
  port = 0;
  readonly #settings: Record<string, string>;
  readonly #data: string;
  #process: ChildProcess | undefined;
  #output = "";
  #begin = 0; // of the running process's own output

  private constructor(shell: Shell, data: string, settings: Record<string, string>) {
    this.shell = shell;
    this.#data = data;
    this.#settings = settings;
  }

  /**
   * Starts a server with an empty data folder. Settings have the names of the flags of `usher
   * serve` ("seat-grace": "2s"); the worker gets them as its variables ("SEAT_GRACE_MS": "2000").
   */
  static async start(shell: Shell, settings: Record<string, string> = {}): Promise<Server> {
    const server = new Server(shell, await mkdtemp(path.join(os.tmpdir(), "usher-e2e-data-")), settings);
    try {
      await server.#launch();
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Has no trailing slash. */
  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Everything that its processes have written so far. */
  get output(): string {
    return this.#output;
  }

  /** Ends it immediately, like a failing machine: SIGKILL for the whole process group. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Asks it to drain and to stop. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Starts it again on the same port and data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  /** Ends it and forgets its data. */
  async close(): Promise<void> {
    await this.kill();
    await rm(this.#data, { recursive: true, force: true, maxRetries: 5 });
  }

  async #launch(): Promise<void> {
    const { file, args, folder, address } = this.shell === "native" ? await this.#native() : this.#worker();
    this.#begin = this.#output.length;
    // A process group of its own: wrangler starts workerd, and a kill must take both.
    // The tests' own variables are no settings of usher. wrangler takes the first node that it finds, which must be a recent one: this process's.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("USHER_"));
    const search = [path.dirname(process.execPath), process.env["PATH"]].join(path.delimiter);
    const environment = { ...Object.fromEntries(own), PATH: search, NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" };
    const child = spawn(file, args, { cwd: folder, detached: true, stdio: ["ignore", "pipe", "pipe"], env: environment });
    this.#process = child;
    if (child.pid !== undefined) {
      running.add(child.pid);
    }
    child.on("error", (error) => (this.#output += `${error.message}\n`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data: Buffer) => (this.#output += data.toString()));
    }
    const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
    const said = (): string => this.#output.slice(this.#begin);
    await until(
      () => `the ${this.shell} server tells its address:\n${said()}`,
      () => !isRunning() || address.test(said()),
      startsWithinMs,
    );
    const found = address.exec(said())?.[1];
    if (!isRunning() || found === undefined) {
      throw new Error(`the ${this.shell} server ended:\n${said()}`);
    }
    this.port = Number(found);
    const ready = `${this.url}${this.shell === "native" ? "/readyz" : "/health"}`; // a worker stores nothing that might not be ready
    await until(`${ready} answers`, async () => (await fetch(ready)).ok);
  }

  async #native(): Promise<Command> {
    const settings = Object.entries(this.#settings).map(([name, value]) => `--${name}=${value}`);
    return {
      file: await binary(),
      args: ["serve", `--listen=127.0.0.1:${this.port}`, `--data=${this.#data}`, "--log-level=debug", ...settings],
      folder: this.#data,
      address: /Health\s+http:\/\/127\.0\.0\.1:(\d+)\//,
    };
  }

  #worker(): Command {
    const folder = path.join(root, "worker");
    const settings = Object.entries({ LOG_LEVEL: "debug", ...this.#settings }).flatMap(([name, value]) => ["--var", `${name}:${value}`]);
    const ports = ["--ip", "127.0.0.1", "--port", `${this.port}`, "--inspector-port", "0"];
    return {
      file: path.join(root, "node_modules/.bin/wrangler"),
      args: ["dev", ...ports, "--persist-to", this.#data, "--show-interactive-dev-session", "false", ...settings],
      folder,
      address: /Ready on http:\/\/127\.0\.0\.1:(\d+)/,
    };
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#process;
    if (child?.pid === undefined) {
      return;
    }
    const ended = child.exitCode === null && child.signalCode === null ? once(child, "exit") : Promise.resolve();
    try {
      process.kill(-child.pid, signal);
    } catch {
      // The group is empty: all its processes have ended by themselves.
    }
    await ended;
    // A process that briefly outlives its group's leader would keep these open, and with them this
    // process.
    child.stdout?.destroy();
    child.stderr?.destroy();
    this.#process = undefined;
    running.delete(child.pid);
  }
}

/** Leaders of process groups, which would keep running without this process. */
const running = new Set<number>();
process.on("exit", () => {
  for (const pid of running) {
    process.kill(-pid, "SIGKILL");
  }
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => process.exit(1));
}

let built: Promise<string> | undefined;

/** The native binary, built once for a test file. */
function binary(): Promise<string> {
  built ??= (async () => {
    const folder = await mkdtemp(path.join(os.tmpdir(), "usher-e2e-binary-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, "usher");
    await promisify(execFile)("go", ["build", "-buildvcs=false", "-o", file, "./cmd/usher"], { cwd: root });
    return file;
  })();
  return built;
}
