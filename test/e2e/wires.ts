// Wires between the browsers themselves, for WebRTC. Each datagram of a wired page's data channels
// goes through a UDP forwarder here, so that one browser can be truly cut off from all others (its
// ICE fails) and be let through again.
//
// Chromium 156's own means do not do this. Network.emulateNetworkConditions with `offline` silences
// WebSockets, open ones too, but neither it nor `packetLoss: 100` affects data channels, even if it
// was on before they were opened. Stopping the browser's network service (SIGSTOP) cuts both, but
// never one without the other; `iceTransportPolicy: "relay"` does not end open channels.
//
// So an init script replaces each remote candidate's address with a forwarder's, which goes
// unnoticed because addIceCandidate and setRemoteDescription are asynchronous. Both pages of a pair
// must be wired: an unwired one would reach the other directly.

import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import type { Page } from "playwright-core";

type PageId = string;

interface Forwarder {
  /** The address that the page sends to instead of the candidate's own port. */
  port: number;
  sockets: dgram.Socket[];
}

export class Wires {
  readonly #cut = new Set<PageId>();
  /** The owner of each local candidate, by "address port". */
  readonly #owners = new Map<string, PageId>();
  readonly #forwarders = new Map<string, Promise<Forwarder>>();

  /**
   * Wires a page under a name that the caller chooses. Call it before the page's first navigation.
   */
  async attach(page: Page, id: PageId): Promise<void> {
    await page.exposeFunction("__ownCandidate", (candidate: string) => {
      const end = parse(candidate);
      if (end !== undefined) {
        this.#owners.set(`${end.address} ${end.port}`, id);
      }
    });
    await page.exposeFunction("__wireCandidates", (text: string) => this.#rewrite(id, text));
    await page.addInitScript(wirePeerConnections);
  }

  /** Drops all datagrams of a page from now on, in both directions. */
  cut(id: PageId): void {
    this.#cut.add(id);
  }

  heal(id: PageId): void {
    this.#cut.delete(id);
  }

  async close(): Promise<void> {
    for (const forwarder of await Promise.all(this.#forwarders.values())) {
      for (const socket of forwarder.sockets) {
        socket.close();
      }
    }
    this.#forwarders.clear();
  }

  /** Replaces all host candidates of a description, or one candidate's line, with forwarders. */
  async #rewrite(id: PageId, text: string): Promise<string> {
    const lines = text.split("\r\n");
    const rewritten = lines.map(async (line) => {
      const end = parse(line);
      if (end === undefined) {
        return line;
      }
      const key = `${id} ${end.address} ${end.port}`;
      let forwarder = this.#forwarders.get(key);
      if (forwarder === undefined) {
        forwarder = this.#forward(id, end);
        this.#forwarders.set(key, forwarder);
      }
      return line.replace(` ${end.address} ${end.port} `, ` ${end.address} ${(await forwarder).port} `);
    });
    return (await Promise.all(rewritten)).join("\r\n");
  }

  /**
   * A forwarder to a candidate, for one page. As behind a NAT, each port of the page gets one of
   * its own towards the candidate.
   */
  async #forward(id: PageId, candidate: End): Promise<Forwarder> {
    const target = `${candidate.address} ${candidate.port}`;
    const passes = (): boolean => {
      // A page may report its own candidates after the other page has received them.
      const owner = this.#owners.get(target);
      return owner !== undefined && !this.#cut.has(id) && !this.#cut.has(owner);
    };
    const inner = await bound(candidate.address);
    const forwarder: Forwarder = { port: inner.address().port, sockets: [inner] };
    const outer = new Map<number, Promise<dgram.Socket>>();
    const towards = async (source: dgram.RemoteInfo): Promise<dgram.Socket> => {
      const socket = await bound(candidate.address);
      socket.on("message", (datagram) => {
        if (passes()) {
          inner.send(datagram, source.port, source.address, ignore);
        }
      });
      forwarder.sockets.push(socket);
      return socket;
    };
    inner.on("message", (datagram, source) => {
      if (!passes()) {
        return;
      }
      let socket = outer.get(source.port);
      if (socket === undefined) {
        socket = towards(source);
        outer.set(source.port, socket);
      }
      void socket.then((ready) => ready.send(datagram, candidate.port, candidate.address, ignore));
    });
    return forwarder;
  }
}

interface End {
  address: string;
  port: number;
}

/**
 * Address and port of a UDP host candidate; TCP candidates only ever dial out and stay as they are.
 */
function parse(line: string): End | undefined {
  const found = /candidate:\S+ \d+ udp \d+ (\S+) (\d+) typ host/i.exec(line);
  return found?.[1] === undefined || net.isIP(found[1]) === 0 ? undefined : { address: found[1], port: Number(found[2]) };
}

async function bound(address: string): Promise<dgram.Socket> {
  const socket = dgram.createSocket(net.isIPv6(address) ? "udp6" : "udp4").bind(0, address);
  await once(socket, "listening");
  socket.on("error", ignore);
  return socket;
}

/** UDP may lose a datagram, and a closed browser's port refuses it. */
function ignore(): void {}

/** Runs in the page. */
function wirePeerConnections(): void {
  const { __ownCandidate, __wireCandidates } = window as unknown as {
    __ownCandidate(candidate: string): Promise<void>;
    __wireCandidates(text: string): Promise<string>;
  };
  const Native = window.RTCPeerConnection;
  window.RTCPeerConnection = class extends Native {
    // The page's requests are carried out in its order, as they would be without the detour.
    #last: Promise<unknown> = Promise.resolve();

    constructor(configuration?: RTCConfiguration) {
      super(configuration);
      this.addEventListener("icecandidate", ({ candidate }) => void __ownCandidate(candidate?.candidate ?? ""));
    }

    override setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
      return this.#inOrder(async () => super.setRemoteDescription({ type: description.type, sdp: await __wireCandidates(description.sdp ?? "") }));
    }

    override addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
      return this.#inOrder(async () => {
        const json = candidate instanceof RTCIceCandidate ? candidate.toJSON() : candidate;
        return super.addIceCandidate(json?.candidate ? { ...json, candidate: await __wireCandidates(json.candidate) } : (json ?? undefined));
      });
    }

    #inOrder<T>(step: () => Promise<T>): Promise<T> {
      const result = this.#last.then(step);
      this.#last = result.catch(() => undefined);
      return result;
    }
  };
}
