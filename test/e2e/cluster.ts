// Three ushers that are one server, behind nginx with the configuration of examples/cluster.

import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import path from "node:path";

import { Program } from "./program.ts";
import { until } from "./wait.ts";

const example = path.resolve(import.meta.dirname, "../../examples/cluster/nginx.conf");
const size = 3;
/** The first election takes a few seconds. */
const startsWithinMs = 60_000;

interface Node {
  address: string;
  args: string[];
  program?: Program;
}

export class Cluster {
  /** nginx's. */
  readonly port: number;
  readonly #file: string;
  readonly #folder: string;
  readonly #nodes: Node[];
  readonly #write: (text: string) => void;
  #nginx: Program | undefined;

  private constructor(file: string, folder: string, port: number, nodes: Node[], write: (text: string) => void) {
    this.#file = file;
    this.#folder = folder;
    this.port = port;
    this.#nodes = nodes;
    this.#write = write;
  }

  /** Makes a cluster of a binary, in a folder; nothing of it runs yet. */
  static async create(file: string, folder: string, settings: readonly string[], write: (text: string) => void): Promise<Cluster> {
    const ports = await freePorts(2 * size + 1);
    const at = (index: number): string => `127.0.0.1:${ports[index] ?? 0}`;
    const indexes = [...Array(size).keys()];
    const secret = path.join(folder, "secret");
    await writeFile(secret, randomBytes(32).toString("hex"));
    const peers = indexes.map((i) => at(size + i)).join(",");
    const nodes = indexes.map((i) => {
      const own = [`--listen=${at(i)}`, `--data=${path.join(folder, `node${i + 1}`)}`, `--cluster-listen=${at(size + i)}`];
      const all = [
        "--cluster-link-listen=127.0.0.1:0",
        `--cluster-peers=${peers}`,
        `--cluster-secret-file=${secret}`,
        "--trusted-proxy=127.0.0.1",
        "--log-level=debug",
      ];
      return { address: at(i), args: ["serve", ...own, ...all, ...settings] };
    });
    await configure(folder, [at(2 * size), ...nodes.map((node) => node.address)]);
    return new Cluster(file, folder, ports[2 * size] ?? 0, nodes, write);
  }

  /** Starts what does not run, and waits until each node has its part of the rooms. */
  async start(): Promise<void> {
    const nginx = ["-c", "nginx.conf", "-p", this.#folder, "-e", "stderr", "-g", "daemon off; master_process off; error_log stderr; pid nginx.pid;"];
    this.#nginx ??= new Program("nginx", nginx, this.#folder, this.#write);
    for (const [i, node] of this.#nodes.entries()) {
      if (node.program?.isRunning !== true) {
        node.program = new Program(this.#file, node.args, this.#folder, (text) => this.#write(text.replaceAll(/^(?=.)/gm, `node ${i + 1}: `)));
      }
    }
    const isReady = async ({ address, program }: Node): Promise<boolean> => {
      if (program?.isRunning !== true) {
        throw new Error(`the node at ${address} ended`);
      }
      const metrics = await fetch(`http://${address}/metrics`);
      return /^usher_cluster_shards [1-9]/m.test(await metrics.text()) && (await fetch(`http://${address}/readyz`)).ok;
    };
    await Promise.all(this.#nodes.map((node) => until(`${node.address} has rooms`, () => isReady(node), startsWithinMs)));
  }

  /** Ends the node that owns a room, or all nodes. */
  async end(signal: "SIGKILL" | "SIGTERM", roomId?: string): Promise<void> {
    const owner = roomId === undefined ? undefined : await this.#ownerOf(roomId);
    const ending = this.#nodes.filter((node) => owner === undefined || node.address === owner);
    await Promise.all(ending.map((node) => node.program?.end(signal)));
  }

  async close(): Promise<void> {
    await this.end("SIGKILL");
    await this.#nginx?.end("SIGKILL");
  }

  async #ownerOf(roomId: string): Promise<string> {
    const response = await fetch(`http://${this.#nodes[0]?.address}/cluster/owner?roomId=${roomId}`);
    const owner = response.headers.get("X-Usher-Node");
    if (owner === null) {
      throw new Error(`nobody owns ${roomId}: ${response.status}`);
    }
    return owner;
  }
}

/** Writes the example's configuration with other addresses: nginx's, and then the nodes'. */
async function configure(folder: string, addresses: readonly string[]): Promise<void> {
  let text = await readFile(example, "utf8");
  for (const [i, address] of addresses.entries()) {
    text = text.replaceAll(`127.0.0.1:${8780 + i}`, address);
  }
  const scratch = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`);
  await writeFile(path.join(folder, "nginx.conf"), text.replace("http {", `http { access_log off; ${scratch.join(" ")}`));
  await mkdir(path.join(folder, "logs"), { recursive: true });
}

async function freePorts(count: number): Promise<number[]> {
  const listeners = [...Array(count).keys()].map(() => createServer().listen(0, "127.0.0.1"));
  await Promise.all(listeners.map((listener) => once(listener, "listening")));
  const ports = listeners.map((listener) => (listener.address() as AddressInfo).port);
  await Promise.all(listeners.map((listener) => once(listener.close(), "close")));
  return ports;
}
