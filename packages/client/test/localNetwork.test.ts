// Browsers that keep pages from the local network, and what the client makes of the bare 1006 that
// comes of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { memoryStore, RoomClient, type StoredSeat } from "@usher/client";
import { errorOf, replace } from "./platform.ts";
import { seatToken } from "./scripted.ts";

const seat: StoredSeat = { roomId: "room-1", userId: "ann", userName: "Ann", resumeToken: seatToken };

test("a browser that keeps the page from the local network", async () => {
  const url = (host: string): string => `ws://${host}:1/ws`;
  class Socket extends EventTarget {
    constructor() {
      super();
      queueMicrotask(() => this.dispatchEvent(Object.assign(new Event("close"), { code: 1006 })));
    }
    close(): void {}
  }
  replace("WebSocket", Socket);
  const asked: string[] = [];
  const browser = (states: Record<string, string>, isSecure = true, hostname = "usher.example"): void => {
    const query = ({ name }: { name: string }): Promise<{ state: string }> => {
      asked.push(name);
      return states[name] === undefined ? Promise.reject(new TypeError("unknown name")) : Promise.resolve({ state: states[name] });
    };
    replace("navigator", { permissions: { query } });
    replace("location", { href: `https://${hostname}/`, hostname, host: `${hostname}:8787` });
    replace("isSecureContext", isSecure);
  };
  const both = { "loopback-network": "denied", "local-network": "denied" };
  const rows: [rule: string, host: string, browser: Parameters<typeof browser>, code: string][] = [
    ["loopback", "localhost", [both], "LOCAL_NETWORK_DENIED"],
    ["by address", "127.0.0.1", [both], "LOCAL_NETWORK_DENIED"],
    ["by IPv6 address", "[::1]", [both], "LOCAL_NETWORK_DENIED"],
    ["loopback is one permission", "localhost", [{ "loopback-network": "granted", "local-network": "denied" }], "SERVER_UNREACHABLE"],
    ["the local network another", "192.168.1.7", [{ "loopback-network": "granted", "local-network": "denied" }], "LOCAL_NETWORK_DENIED"],
    ["a name of the local network", "nas.local", [both], "LOCAL_NETWORK_DENIED"],
    ["any name may lead there", "usher.example.org", [both], "LOCAL_NETWORK_DENIED"],
    ["but without TLS the state says nothing of a public one", "usher.example.org", [both, false], "SERVER_UNREACHABLE"],
    ["a public address does not", "203.0.113.7", [both], "SERVER_UNREACHABLE"],
    ["without TLS it says nothing of the page's own machine", "192.168.1.7", [both, false, "192.168.1.7"], "SERVER_UNREACHABLE"],
    ["but of another one", "192.168.1.8", [both, false, "192.168.1.7"], "LOCAL_NETWORK_DENIED"],
    ["with TLS another port is another server", "localhost", [both, true, "localhost"], "LOCAL_NETWORK_DENIED"],
    ["an older name", "localhost", [{ "local-network-access": "denied" }], "LOCAL_NETWORK_DENIED"],
    ["allowed", "localhost", [{ "loopback-network": "granted" }], "SERVER_UNREACHABLE"],
    ["not asked yet", "localhost", [{ "loopback-network": "prompt" }], "SERVER_UNREACHABLE"],
    ["a browser without it", "localhost", [{}], "SERVER_UNREACHABLE"],
  ];
  for (const [rule, host, page, code] of rows) {
    browser(...page);
    const error = await errorOf(new RoomClient({ url: url(host) }).create({ userName: "Ann" }));
    assert.equal(error.code, code, rule);
    assert.equal(error.retryable, code === "SERVER_UNREACHABLE", rule);
  }
  browser(both);
  const store = memoryStore();
  await store.save(seat);
  const returning = new RoomClient({ url: url("localhost"), store });
  assert.equal((await errorOf(returning.resume())).code, "LOCAL_NETWORK_DENIED", "trying again would be no use");
  assert.deepEqual(await store.load(), seat, "the seat is still there for a page that is allowed again");
  assert.ok(asked.length > 0);
});
