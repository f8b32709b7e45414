// What the Node servers share: where they listen, with TLS or without, and their /health.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTLSServer } from "node:https";

export const host = process.env.HOST ?? "127.0.0.1";
export const port = Number(process.env.PORT);
const { TLS_CERT, TLS_KEY } = process.env;

/** The pair of the server's certificate, undefined for plain HTTP. */
export const tls = TLS_CERT && TLS_KEY ? { cert: readFileSync(TLS_CERT), key: readFileSync(TLS_KEY) } : undefined;

/** healthy answers what awaits the server's start. */
export function healthy(_request, response) {
  response.writeHead(200).end();
}

/** httpServer makes the server that WebSockets upgrade from. */
export function httpServer(handler = healthy) {
  return tls ? createTLSServer(tls, handler) : createServer(handler);
}
