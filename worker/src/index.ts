// The worker: it routes each request to its room's object, and answers what needs no room.

import { addressOf } from "./address";
import { hasAccounts } from "./accounts";
import { giveTicket, identify, refused, withIdentityHeader } from "./auth";
import { createRoom } from "./createRoom";
import { allowsOrigin, errorResponse, finish, json, log, preflight, roomFailed } from "./http";
import { Refusal } from "./identity";
import { objectOf } from "./objects";
import { mendedLink, roomIdOf, routeOf, type Route } from "./route";
import { turnCredentials } from "./turnCredentials";

export { RoomState } from "./roomState";

export default {
  async fetch(request, env): Promise<Response> {
    const started = Date.now();
    const requestId = crypto.randomUUID();
    const url = new URL(request.url);
    const route = routeOf(url.pathname);
    let response: Response;
    try {
      response = await respond(route, request, url, env);
    } catch (error) {
      log("error", "a request failed", { requestId, error: String(error) });
      response = errorResponse("INTERNAL");
    }
    // Whoever knows a room's id may join, so the log has the route and not the path.
    log(response.status >= 500 ? "error" : "info", "request", { method: request.method, route, status: response.status, ms: Date.now() - started, requestId });
    return finish(response, request, env.ALLOW_ORIGINS, requestId);
  },
} satisfies ExportedHandler<Env>;

function respond(route: Route, request: Request, url: URL, env: Env): Response | Promise<Response> {
  const methods = methodsOf(route);
  if ((route === "rooms" && !env.API_KEYS) || (route === "tickets" && !hasAccounts(env))) {
    return errorResponse("NOT_FOUND");
  }
  if (request.method === "OPTIONS") {
    return preflight(methods);
  }
  if (route === "none") {
    const page = ["GET", "HEAD"].includes(request.method) ? mendedLink(url) : "";
    return page === "" ? errorResponse("NOT_FOUND") : new Response(null, { status: 302, headers: { Location: page, "Cache-Control": "no-store" } });
  }
  if (!methods.includes(request.method)) {
    const response = errorResponse("METHOD_NOT_ALLOWED");
    response.headers.set("Allow", methods.join(", "));
    return response;
  }
  switch (route) {
    case "health":
      return status("healthy");
    case "healthz":
      return status("ok");
    case "readyz":
      return status("ready"); // the platform has room for one more, and storage is each room's own
    case "turn":
      return allowsOrigin(env.ALLOW_ORIGINS, request) ? turnCredentials(request, url, env) : errorResponse("ORIGIN_NOT_ALLOWED");
    case "rooms":
      return createRoom(request, url, env);
    case "tickets":
      return giveTicket(request, url, env);
    case "room":
      return askRoom(request, url, env);
    case "socket":
      return openSocket(request, url, env);
  }
}

function status(word: string): Response {
  return json(JSON.stringify({ status: word, timestamp: Date.now() }));
}

/** Only GET opens a WebSocket (RFC 6455, section 4.1). */
function methodsOf(route: Route): readonly string[] {
  switch (route) {
    case "socket":
      return ["GET", "OPTIONS"];
    case "rooms":
    case "tickets":
      return ["POST", "OPTIONS"];
    default:
      return ["GET", "HEAD", "OPTIONS"];
  }
}

/**
 * Reports whether a request asks for a WebSocket. The platform has checked its key and version. One
 * with a body does not, because no handshake has a body.
 */
function isHandshake({ method, headers }: Request): boolean {
  const hasBody = headers.has("Transfer-Encoding") || (headers.get("Content-Length") ?? "0") !== "0";
  return method === "GET" && headers.get("Upgrade")?.toLowerCase() === "websocket" && !hasBody;
}

async function openSocket(request: Request, url: URL, env: Env): Promise<Response> {
  if (!isHandshake(request)) {
    return errorResponse("UPGRADE_REQUIRED");
  }
  if (roomIdOf(url) === "") {
    return errorResponse("INVALID_ROOM_ID");
  }
  if (!allowsOrigin(env.ALLOW_ORIGINS, request)) {
    return errorResponse("ORIGIN_NOT_ALLOWED");
  }
  if (env.CONNECTIONS_LIMIT !== undefined && !(await env.CONNECTIONS_LIMIT.limit({ key: addressOf(request) })).success) {
    return errorResponse("TOO_MANY_CONNECTIONS");
  }
  return askRoom(request, url, env);
}

/**
 * Passes a request on to its room's object. If that cannot be reached, or has too much to do, the
 * client may try again.
 */
async function askRoom(request: Request, url: URL, env: Env): Promise<Response> {
  const roomId = roomIdOf(url);
  if (roomId === "") {
    return errorResponse("INVALID_ROOM_ID");
  }
  const who = await identify(request, url, env);
  if (who instanceof Refusal) {
    return refused(who);
  }
  if (request.headers.get("Upgrade") === null && who?.invited === true && Date.now() >= who.enterUntilMs) {
    return errorResponse("INVITE_EXPIRED");
  }
  try {
    return await objectOf(env, roomId).fetch(withIdentityHeader(request, who));
  } catch (error) {
    return roomFailed(error);
  }
}
