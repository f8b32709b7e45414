// Every transcript of room/testdata on the worker in workerd, byte for byte; and once more with the
// object evicted after every step.

import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, expect, test } from "vitest";

import type { ErrorCode } from "@usher/types";

import { Flag } from "../src/abi";
import { identityHeader } from "../src/auth";
import { Refusal } from "../src/identity";
import type { RoomState } from "../src/roomState";
import { Client, until } from "./client";
import { arrangementOf, type GoArrangement } from "./goArrangement";
import { identityOf, type GoIdentity } from "./goIdentity";
import traces from "./traces.json";
import { harness } from "./worker";

type Trace = (typeof traces)[number] & { pings?: boolean; budgets?: boolean; renews?: boolean; operates?: boolean };
type Step = Trace["steps"][number] & {
  conn?: number;
  address?: string;
  secret?: string;
  frame?: string;
  code?: number;
  ms?: number;
  clean?: boolean;
  refusal?: string;
  identity?: GoIdentity;
  verdict?: { Identity: GoIdentity | null; Refusal: ErrorCode | ""; Details: string };
  arrangement?: GoArrangement;
  creation?: { CreatedAtMs: number; EndsAtMs: number; KeepMs: number; OwnerToken: string };
  hashes?: string;
};

// The platform cannot ping a client, the worker has no budgets of seats and messages for an
// address, knows no accounts yet, hands out ICE servers by itself, and has no API for operators.
const replayed = traces.filter(
  ({ name, pings, budgets, renews, operates }: Trace) =>
    pings !== true && budgets !== true && renews !== true && operates !== true && name !== "auth-renew-late",
);

afterEach(() => {
  harness.nowMs = harness.settings = harness.secret = undefined;
  harness.flags = 0;
  harness.hashes = "done";
  harness.allowed = harness.hashed = harness.asked;
});

describe.each([
  ["as it is", false],
  ["evicted after every step", true],
])("%s", (_, evict) => {
  test.each(replayed.map((trace) => [trace.name, trace] as const))("%s", async (_, trace) => {
    await new Replay(trace, evict).run();
  });
});

let replays = 0;

function identityHeaders({ identity }: Step): Record<string, string> {
  return identity === undefined ? {} : { [identityHeader]: encodeURIComponent(JSON.stringify(identityOf(identity))) };
}

class Replay {
  readonly #clients: Client[] = [];
  /**
   * What each connection must have seen by now, and for which of them that does not matter any
   * more.
   */
  readonly #want: (string | number)[][] = [];
  readonly #cut = new Set<number>();
  readonly #addresses: string[] = [];
  /** Of each replay's own, because an address may make only so many rooms. */
  readonly #network = replays++;
  readonly #stub: DurableObjectStub<RoomState>;
  #sent = harness.frames;
  #ended = harness.ends;

  constructor(
    readonly trace: Trace,
    readonly evict: boolean,
  ) {
    // An object of its own for each replay; the frames all name the same room.
    this.#stub = env.ROOM.getByName(`${trace.name} ${evict}`);
  }

  async run(): Promise<void> {
    harness.nowMs = this.trace.startMs;
    harness.settings = Object.entries(this.trace.settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join("");
    const steps = this.trace.steps as unknown as readonly Step[];
    for (const [i, step] of steps.entries()) {
      // What is found out about a token is known before it is asked for: it comes right behind the
      // frame that asks.
      const { verdict, seen: found = [] } = steps[i + 1] ?? {};
      harness.verdict = verdict && (verdict.Identity === null ? new Refusal(verdict.Refusal || "INTERNAL", verdict.Details) : identityOf(verdict.Identity));
      await this.#perform(step);
      const seen = step.kind === "verified" ? [] : [...step.seen, ...(verdict === undefined ? [] : found)];
      for (const { conn, code, frame = "" } of seen as { conn: number; frame?: string; code?: number }[]) {
        this.#want[conn - 1]?.push(code ?? text(frame));
      }
      await this.#settle(step.text);
      if (this.evict && this.#clients.length > 0) {
        await this.#evict();
      }
    }
    // The last thing that each sees is this close, so nothing more is on its way.
    await this.#evict("close");
    await until(
      () => this.#clients.every((client, i) => client.closed || this.#cut.has(i)),
      () => "closes at the end",
    );
    this.#clients.forEach((client, i) => {
      if (!this.#cut.has(i)) {
        const want = this.#want[i] ?? [];
        expect(client.seen.slice(0, want.length), `connection ${i + 1}`).toEqual(want);
        expect(
          client.seen.slice(want.length).every((seen) => typeof seen === "number"),
          `connection ${i + 1}: ${client.seen.at(-1)}`,
        ).toBe(true);
      }
    });
  }

  async #perform(step: Step): Promise<void> {
    const client = this.#clients[(step.conn ?? 0) - 1];
    switch (step.kind) {
      case "config":
        return; // in the settings already
      case "open":
        this.#clients.push(
          await Client.open(`/ws?roomId=${this.trace.roomId}`, { address: this.#address(step.address ?? ""), to: this.#stub, headers: identityHeaders(step) }),
        );
        this.#want.push([]);
        return;
      case "frame":
        // Bytes that are not UTF-8 reach an object as workerd's replacement for them;
        // test/dev.test.mjs has them on a real socket.
        harness.secret = step.secret === undefined ? undefined : bytes(step.secret);
        return this.#send(client, text(step.frame ?? ""));
      case "binary":
        return this.#send(client, new Uint8Array([1, 2, 3]));
      case "end":
        this.#end(step.conn ?? 0, step.code ?? 0);
        return;
      case "wait":
        return this.#wait(step.ms ?? 0);
      case "pause":
        harness.pausedMs = step.ms ?? 0;
        harness.nowMs = (harness.nowMs ?? 0) + harness.pausedMs;
        return;
      case "restart":
        return this.#restart(step.clean ?? false);
      case "refuse":
        harness.flags = step.refusal ? Flag.storageUnavailable : 0;
        return;
      case "verified":
        return; // it is known already
      case "arrange":
        await this.#arrange(step);
        return;
      case "refuse-create":
        harness.flags = step.refusal ? Flag.tooManyRooms : 0;
        return;
      case "hashes":
        return this.#hashes(step.hashes ?? "");
      default:
        throw new Error(`no step ${step.kind}`);
    }
  }

  async #hashes(how: string): Promise<void> {
    harness.hashes = how as typeof harness.hashes;
    if (how !== "wait") {
      while (harness.allowed < harness.asked) {
        const { hashed } = harness;
        harness.allowed++;
        await until(
          () => harness.hashed > hashed,
          () => "a hash",
        );
      }
    }
  }

  async #arrange({ arrangement, secret, creation, refusal, text: at }: Step): Promise<void> {
    // The owner's is the second half of what is drawn.
    harness.secrets.set(0, new Uint8Array([...new Uint8Array(16), ...bytes(secret ?? "")]));
    const { CreatedAtMs: createdAtMs, EndsAtMs: endsAtMs, KeepMs: keepMs, OwnerToken: ownerToken } = creation ?? {};
    const want = creation === undefined ? refusal : { createdAtMs, endsAtMs, keepMs, ownerToken };
    expect(await this.#stub.create(this.trace.roomId, arrangementOf(arrangement as GoArrangement)), at).toEqual(want);
  }

  #send(client: Client | undefined, frame: string | Uint8Array): void {
    if (client !== undefined && !client.closed) {
      client.socket.send(frame);
      this.#sent++;
    }
  }

  /**
   * Ends a socket from the client's side. No script can make a socket break (1006): any code but
   * 1000 says that nobody meant to leave.
   */
  #end(conn: number, code: number): void {
    const client = this.#clients[conn - 1];
    if (client !== undefined && !client.closed && !this.#cut.has(conn - 1)) {
      this.#cut.add(conn - 1);
      client.socket.close(code === 1000 ? 1000 : 4000);
      this.#ended++;
    }
  }

  async #wait(ms: number): Promise<void> {
    const end = (harness.nowMs ?? 0) + ms;
    for (;;) {
      const alarm = await runInDurableObject(this.#stub, (_, state) => state.storage.getAlarm());
      if (alarm === null || alarm > end) {
        break;
      }
      harness.nowMs = Math.max(harness.nowMs ?? 0, alarm);
      await runDurableObjectAlarm(this.#stub);
      if (this.evict) {
        await this.#evict();
      }
    }
    harness.nowMs = end;
  }

  async #evict(webSockets: "close" | "hibernate" = "hibernate"): Promise<void> {
    if (webSockets === "hibernate" && harness.asked !== harness.hashed) {
      return; // the platform drops no object while one of its events is being handled
    }
    await this.#touch(); // only an object that is there can be evicted
    await evictDurableObject(this.#stub, { webSockets });
  }

  /**
   * A deployment cuts all sockets and reports none; a clean restart is one after which nothing was
   * under way: they have dropped before.
   */
  async #restart(clean: boolean): Promise<void> {
    if (clean) {
      this.#clients.forEach((_, i) => this.#end(i + 1, 1006));
      await this.#settle("restart");
    }
    this.#clients.forEach((_, i) => this.#cut.add(i));
    await this.#evict("close");
    await this.#touch();
  }

  async #touch(): Promise<void> {
    await (await this.#stub.fetch(`http://usher.test/rooms/${this.trace.roomId}`)).text();
  }

  /** Waits until all that was sent has been handled, and all that must be seen is. */
  async #settle(what: string): Promise<void> {
    await until(
      () => harness.frames === this.#sent && harness.ends >= this.#ended,
      () => `${what}: handled`,
    );
    for (const [i, client] of this.#clients.entries()) {
      if (this.#cut.has(i)) {
        continue;
      }
      const want = this.#want[i] ?? [];
      await until(
        () => client.seen.length >= want.length,
        () => `${what}: connection ${i + 1} sees ${JSON.stringify(client.seen.slice(-3))} and not ${JSON.stringify(want.slice(-3))}`,
      );
      expect(client.seen, `${what}: connection ${i + 1}`).toEqual(want);
    }
  }

  #address(label: string): string {
    if (!this.#addresses.includes(label)) {
      this.#addresses.push(label);
    }
    return `10.${this.#network >> 8}.${this.#network & 0xff}.${this.#addresses.indexOf(label) + 1}`;
  }
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

function text(base64: string): string {
  return new TextDecoder().decode(bytes(base64));
}
