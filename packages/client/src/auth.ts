// How a connection shows who somebody is: by a token of the operator's accounts, by a ticket made
// from one, or by an invite, which is in the request for a seat.

import { authSubprotocol, tokenSubprotocolPrefix, type ErrorMessage } from "@usher/types";
import { failure, refusal, type RoomError } from "./error.js";
import type { Auth } from "./options.js";

const timeoutMs = 5000;

/** The address of a connection, and what is shown there. */
export interface Door {
  url: URL;
  protocols: string[];
  /** Whom the token names; "" if the client may choose. */
  userId: string;
  /**
   * Says why the server has refused the handshake, which a browser does not show. Undefined if that
   * is not the reason.
   */
  explain(): Promise<RoomError | undefined>;
}

export interface AuthOptions {
  auth?: Auth | undefined;
  authBy?: "subprotocol" | "ticket" | undefined;
}

/**
 * The door of a room for somebody with an account, or with none, or with an invite instead. Rejects
 * with a RoomError.
 */
export function doorOf(url: URL, roomId: string, isInvited: boolean, options: AuthOptions): Door | Promise<Door> {
  const door = new URL(url);
  door.searchParams.set("roomId", roomId);
  if (isInvited || options.auth === undefined) {
    return { url: door, protocols: [], userId: "", explain: () => Promise.resolve(undefined) };
  }
  return options.authBy === "ticket" ? doorByTicket(door, url, roomId, options.auth) : doorByToken(door, url, roomId, options.auth);
}

async function doorByToken(door: URL, url: URL, roomId: string, auth: Auth): Promise<Door> {
  const token = await tokenOf(auth, roomId);
  const explain = (): Promise<RoomError | undefined> => refusalOf(besides(url, "tickets", { roomId }), ticketRequest(token));
  return { url: door, protocols: [authSubprotocol, tokenSubprotocolPrefix + token], userId: subjectOf(token), explain };
}

async function doorByTicket(door: URL, url: URL, roomId: string, auth: Auth): Promise<Door> {
  const token = await tokenOf(auth, roomId);
  const reply = await ask(besides(url, "tickets", { roomId }), ticketRequest(token));
  if (reply === undefined) {
    throw failure("SERVER_UNREACHABLE");
  }
  if (isError(reply)) {
    throw refusal(reply);
  }
  const { ticket, userId } = reply as { ticket?: string; userId?: string };
  door.searchParams.set("ticket", `${ticket}`);
  return { url: door, protocols: [], userId: `${userId}`, explain: () => Promise.resolve(undefined) };
}

/** The token, or AUTH_FAILED. */
export async function tokenOf(auth: Auth, roomId: string): Promise<string> {
  try {
    return await auth({ roomId });
  } catch (error) {
    throw failure("AUTH_FAILED", error);
  }
}

/** The user id in a token, which the server checks; "" if there is none. */
function subjectOf(token: string): string {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const { sub } = JSON.parse(atob(payload)) as { sub?: unknown };
    return typeof sub === "string" ? sub : "";
  } catch {
    return "";
  }
}

function ticketRequest(token: string): RequestInit {
  return { method: "POST", headers: { Authorization: `Bearer ${token}` } };
}

/** An address of the server beside its WebSocket's. */
function besides(socketUrl: URL, path: string, query: Record<string, string>): URL {
  const url = new URL(socketUrl);
  url.protocol = url.protocol.replace("ws", "http");
  url.pathname = url.pathname.replace(/ws\/?$/, path);
  url.search = new URLSearchParams(query).toString();
  return url;
}

async function refusalOf(url: URL, init: RequestInit): Promise<RoomError | undefined> {
  const response = await ask(url, init);
  return isError(response) ? refusal(response) : undefined;
}

/** Undefined if no response comes, or one that is not of usher. */
async function ask(url: URL, init: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(timeoutMs) });
    return await response.json();
  } catch {
    return undefined;
  }
}

function isError(reply: unknown): reply is ErrorMessage {
  const { type, code } = (reply ?? {}) as Partial<ErrorMessage>;
  return type === "ERROR" && typeof code === "string";
}
