// usher as a process, on a shell: the native binary, the worker in workerd under `wrangler dev`, or
// three native binaries behind nginx. All keep their rooms in a temporary folder, and may be killed
// and restarted on the same port.

import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";

import { Cluster } from "./cluster.ts";
import { Program } from "./program.ts";
import { until } from "./wait.ts";

export type Shell = "native" | "worker" | "cluster";

const root = path.resolve(import.meta.dirname, "../..");
const startsWithinMs = 60_000; // the worker is built when it starts

/**
 * The shells that tests run against: USHER_SHELLS="native worker", which is the default, or others.
 */
export const shells: readonly Shell[] = (process.env["USHER_SHELLS"] ?? "native worker").split(/\s+/).map((name) => {
  if (name !== "native" && name !== "worker" && name !== "cluster") {
    throw new Error(`no shell ${name} (USHER_SHELLS): native, worker, cluster`);
  }
  return name;
});

/** The shell of tests for which one is enough. */
export const mainShell: Shell = shells.find((shell) => shell !== "worker") ?? "native";

/**
 * What a server is to be told, by the name that each shell has for it; a cluster's nodes are
 * native.
 */
export type Settings = Readonly<Record<"native" | "worker", Record<string, string>>>;

export function settingsOf(shell: Shell, settings: Settings | undefined): Record<string, string> | undefined {
  return settings?.[shell === "worker" ? "worker" : "native"];
}

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
  #program: Program | undefined;
  #cluster: Cluster | undefined;
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

  /** Has no trailing slash. With the setting "tls-cert" it is https. */
  get url(): string {
    return `${"tls-cert" in this.#settings ? "https" : "http"}://127.0.0.1:${this.port}`;
  }

  /** Everything that its processes have written so far. */
  get output(): string {
    return this.#output;
  }

  /**
   * Ends it immediately, like a failing machine: SIGKILL for the whole process group. Of a cluster
   * only the node that owns the room ends, if one is named.
   */
  kill(roomId?: string): Promise<void> {
    return this.#end("SIGKILL", roomId);
  }

  /** Asks it to drain and to stop. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Starts it again on the same port and data; of a cluster, the nodes that have ended. */
  async restart(): Promise<void> {
    if (this.#cluster === undefined) {
      await this.kill();
    }
    await this.#launch();
  }

  /** Ends it and forgets its data. */
  async close(): Promise<void> {
    await this.kill();
    await this.#cluster?.close();
    await rm(this.#data, { recursive: true, force: true, maxRetries: 5 });
  }

  async #launch(): Promise<void> {
    const write = (text: string): void => {
      this.#output += text;
    };
    if (this.shell === "cluster") {
      this.#cluster ??= await Cluster.create(await binary(), this.#data, flags(this.#settings), write);
      this.port = this.#cluster.port;
      await this.#cluster.start();
      await until("nginx serves", async () => (await fetch(`${this.url}/healthz`)).ok);
      return;
    }
    const { file, args, folder, address } = this.shell === "native" ? await this.#native() : this.#worker();
    this.#begin = this.#output.length;
    const program = new Program(file, args, folder, write);
    this.#program = program;
    const said = (): string => this.#output.slice(this.#begin);
    await until(
      () => `the ${this.shell} server tells its address:\n${said()}`,
      () => !program.isRunning || address.test(said()),
      startsWithinMs,
    );
    const found = address.exec(said())?.[1];
    if (!program.isRunning || found === undefined) {
      throw new Error(`the ${this.shell} server ended:\n${said()}`);
    }
    this.port = Number(found);
    // A worker stores nothing that might not be ready.
    const ready = `${this.url}${this.shell === "native" ? "/readyz" : "/health"}`;
    await until(`${ready} answers`, async () => (await fetch(ready)).ok);
  }

  async #native(): Promise<Command> {
    return {
      file: await binary(),
      args: ["serve", `--listen=127.0.0.1:${this.port}`, `--data=${this.#data}`, "--log-level=debug", ...flags(this.#settings)],
      folder: this.#data,
      address: /Health\s+https?:\/\/127\.0\.0\.1:(\d+)\//,
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

  async #end(signal: "SIGKILL" | "SIGTERM", roomId?: string): Promise<void> {
    await this.#cluster?.end(signal, roomId);
    await this.#program?.end(signal);
    this.#program = undefined;
  }
}

function flags(settings: Record<string, string>): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${value}`);
}

let built: Promise<string> | undefined;

/** The native binary: USHER_BIN if that is set, or else built once for a test file. */
export function binary(): Promise<string> {
  built ??= (async () => {
    const given = process.env["USHER_BIN"];
    if (given !== undefined) {
      return given;
    }
    const folder = await mkdtemp(path.join(os.tmpdir(), "usher-e2e-binary-"));
    process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
    const file = path.join(folder, "usher");
    await promisify(execFile)("go", ["build", "-buildvcs=false", "-o", file, "./cmd/usher"], { cwd: root });
    return file;
  })();
  return built;
}
