// What a request shows of who it comes from, and the requests that need accounts or API keys.

import { authSubprotocol, tokenSubprotocolPrefix } from "@usher/types";

import { hasAccounts, verifyToken } from "./accounts";
import { allowsOrigin, errorResponse, json, log } from "./http";
import { Refusal, type Identity } from "./identity";
import { newTicket, readInvite, readTicket } from "./pass";
import { lastParameter, roomIdOf } from "./route";

/**
 * The header by which the router tells an object who somebody is. A client's own is never passed
 * on.
 */
export const identityHeader = "X-Usher-Identity";

/** The token of an Authorization header (RFC 6750, section 2.1), "" if there is none. */
export function bearer({ headers }: Request): string {
  return /^bearer +([^ ]+) *$/i.exec(headers.get("Authorization") ?? "")?.[1] ?? "";
}

/** The subprotocols that a handshake offers. */
function subprotocols({ headers }: Request): string[] {
  return (headers.get("Sec-WebSocket-Protocol") ?? "").split(",").map((name) => name.trim());
}

export function offersAuth(request: Request): boolean {
  return subprotocols(request).includes(authSubprotocol);
}

/**
 * Who somebody is who wants into a room, undefined for a stranger. Without accounts everybody may
 * be one; with them, only the path that legacy clients use leads on: there the room refuses by an
 * ERROR, because a browser shows nobody the response to a handshake.
 */
export async function identify(request: Request, url: URL, env: Env): Promise<Identity | Refusal | undefined> {
  const roomId = roomIdOf(url);
  const offered = subprotocols(request).filter((name) => name.startsWith(tokenSubprotocolPrefix));
  const [ticket, invite] = [lastParameter(url, "ticket"), lastParameter(url, "invite")];
  const tokens = [bearer(request), ...offered.map((name) => name.slice(tokenSubprotocolPrefix.length))].filter((token) => token !== "");
  if (tokens.length + Number(ticket !== "") + Number(invite !== "") > 1) {
    return new Refusal("INVALID_TOKEN", "send one token, ticket or invite");
  }
  const secret = env.INVITE_SECRET ?? "";
  if (invite !== "") {
    return readInvite(roomId, invite, secret);
  }
  const [token] = tokens;
  if (!hasAccounts(env)) {
    return token === undefined && ticket === "" ? undefined : new Refusal("INVALID_TOKEN", "this server has no accounts");
  }
  if (ticket !== "") {
    return readTicket(roomId, ticket, secret);
  }
  if (token !== undefined) {
    return verifyToken(token, roomId, env);
  }
  return /^\/ws\/?$/.test(url.pathname) && !offersAuth(request) ? undefined : new Refusal("AUTH_REQUIRED");
}

/** The request as its room's object gets it. */
export function withIdentityHeader(request: Request, who: Identity | undefined): Request {
  const passed = new Request(request);
  passed.headers.delete(identityHeader);
  if (who !== undefined) {
    passed.headers.set(identityHeader, encodeURIComponent(JSON.stringify(who)));
  }
  return passed;
}

export function identityIn({ headers }: Request): Identity | undefined {
  const header = headers.get(identityHeader);
  return header === null ? undefined : (JSON.parse(decodeURIComponent(header)) as Identity);
}

/**
 * POST /tickets?roomId=ROOM: a ticket for the token in Authorization. It also tells a page why its
 * token is refused.
 */
export async function giveTicket(request: Request, url: URL, env: Env): Promise<Response> {
  const roomId = roomIdOf(url);
  const token = bearer(request);
  if (roomId === "") {
    return errorResponse("INVALID_ROOM_ID");
  }
  if (!allowsOrigin(env.ALLOW_ORIGINS, request)) {
    return errorResponse("ORIGIN_NOT_ALLOWED");
  }
  if (token === "") {
    return errorResponse("AUTH_REQUIRED");
  }
  const who = await verifyToken(token, roomId, env);
  if (who instanceof Refusal) {
    return refused(who);
  }
  if (!env.INVITE_SECRET) {
    log("error", "there is no INVITE_SECRET to sign tickets with");
    return errorResponse("AUTH_UNAVAILABLE");
  }
  const { userId, name, role } = who;
  return json(JSON.stringify({ ...(await newTicket(roomId, who, env.INVITE_SECRET)), userId, userName: name || undefined, role: role || undefined }));
}

export function refused({ code, details }: Refusal): Response {
  return errorResponse(code, details || undefined);
}
