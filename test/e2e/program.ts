// A program that runs in the background of a test, in a process group of its own, and ends with it.

import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";

export class Program {
  readonly #child: ChildProcess;

  constructor(file: string, args: readonly string[], folder: string, write: (text: string) => void) {
    // A process group of its own: wrangler starts workerd, and a kill must take both. The tests'
    // own variables are no settings of usher. wrangler takes the first node that it finds, which
    // must be a recent one: this process's.
    const own = Object.entries(process.env).filter(([name]) => !name.startsWith("USHER_"));
    const search = [path.dirname(process.execPath), process.env["PATH"], "/usr/sbin"].join(path.delimiter);
    const environment = { ...Object.fromEntries(own), PATH: search, NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" };
    this.#child = spawn(file, args, { cwd: folder, detached: true, stdio: ["ignore", "pipe", "pipe"], env: environment });
    if (this.#child.pid !== undefined) {
      running.add(this.#child.pid);
    }
    this.#child.on("error", (error) => write(`${error.message}\n`));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on("data", (data: Buffer) => write(data.toString()));
    }
  }

  get isRunning(): boolean {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends the whole group a signal that ends it, and waits for that. */
  async end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined) {
      return;
    }
    const ended = this.isRunning ? once(child, "exit") : Promise.resolve();
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
