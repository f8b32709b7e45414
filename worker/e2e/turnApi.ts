// An HTTP server of the shape that Cloudflare's documentation gives the API of its TURN service. It
// runs beside workerd, not in it.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** What it says it has done. */
export interface TurnApiLog {
  given: string[];
  revoked: string[];
}

/**
 * Starts it for the key "key" with the token "token", and returns its address. GET / tells what it
 * has done. A revocation of the key "down" fails.
 */
export async function startTurnApi(): Promise<string> {
  const log: TurnApiLog = { given: [], revoked: [] };
  const server = createServer((request, response) => {
    const { method = "", url = "" } = request;
    const [, key, what = ""] = /^\/v1\/turn\/keys\/(key|down)\/credentials\/(.+)$/.exec(url) ?? [];
    if (method === "GET" && url === "/") {
      response.end(JSON.stringify(log));
    } else if (method !== "POST" || key === undefined) {
      response.writeHead(404).end();
    } else if (request.headers.authorization !== "Bearer token") {
      response.writeHead(401).end();
    } else if (what === "generate-ice-servers") {
      const username = `user/${log.given.length + 1}`;
      log.given.push(username);
      const iceServers = [{ urls: ["stun:stun.cloudflare.com:3478"] }, { urls: ["turn:turn.cloudflare.com:3478?transport=udp"], username, credential: "c" }];
      response.writeHead(201, { "Content-Type": "application/json" }).end(JSON.stringify({ iceServers }));
    } else if (key === "down" || !what.endsWith("/revoke")) {
      response.writeHead(500).end();
    } else {
      log.revoked.push(decodeURIComponent(what.slice(0, -"/revoke".length)));
      response.writeHead(204).end();
    }
  });
  server.unref().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
