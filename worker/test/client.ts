import { exports } from "cloudflare:workers";

/** One socket of a client, and what it has seen. */
export class Client {
  readonly seen: (string | number)[] = [];
  closed = false;

  private constructor(readonly socket: WebSocket) {
    socket.addEventListener("message", ({ data }) => {
      this.seen.push(String(data));
    });
    socket.addEventListener("close", ({ code }) => {
      this.closed = true;
      this.seen.push(code);
    });
    socket.accept();
  }

  /** Opens a socket at the worker, or at an object itself. */
  static async open(
    path: string,
    { address = "192.0.2.1", to = exports.default as Pick<Fetcher, "fetch">, headers = {} as Record<string, string> } = {},
  ): Promise<Client> {
    const response = await to.fetch(new Request(`http://usher.test${path}`, { headers: { Upgrade: "websocket", "CF-Connecting-IP": address, ...headers } }));
    if (response.webSocket === null) {
      throw new Error(`no WebSocket: ${response.status} ${await response.text()}`);
    }
    return new Client(response.webSocket);
  }

  say(type: string, fields: Record<string, unknown> = {}): void {
    this.socket.send(JSON.stringify({ type, ...fields }));
  }

  /** The frames of a type so far, parsed. */
  frames(type: string): Record<string, unknown>[] {
    return this.seen
      .filter((frame) => typeof frame === "string")
      .map((frame) => JSON.parse(frame) as Record<string, unknown>)
      .filter((frame) => frame["type"] === type);
  }

  /** Waits for the n-th frame of a type. */
  async frame(type: string, n = 1): Promise<Record<string, unknown>> {
    await until(
      () => this.frames(type).length >= n,
      () => `${type}, seen: ${this.seen.join("\n")}`,
    );
    return this.frames(type)[n - 1] as Record<string, unknown>;
  }

  async closedWith(): Promise<number> {
    await until(
      () => this.closed,
      () => `a close, seen: ${this.seen.join("\n")}`,
    );
    return this.seen.at(-1) as number;
  }
}

export function ask(path: string, headers: Record<string, string> = {}, method = "GET"): Promise<Response> {
  return exports.default.fetch(new Request(`http://usher.test${path}`, { method, headers }));
}

const patienceMs = 3000;

/** Waits for a condition, and fails with what it was. */
export async function until(holds: () => boolean, what: () => string): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !holds(); ) {
    if (Date.now() > deadline) {
      throw new Error(`not in time: ${what()}`);
    }
    await scheduler.wait(1);
  }
}
