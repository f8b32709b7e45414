// GET /turn-credentials?userId=ID[&roomId=ID][&ttl=SECONDS]: whoever proves a seat by its resume
// token gets TURN servers, everybody else STUN.

import { roomIdPattern, userIdPattern } from "@usher/types";

import { errorResponse, json, log, roomFailed } from "./http";
import { iceServers, issue, stunServers, type IceServer, type Seat } from "./ice";
import { objectOf } from "./objects";
import { isTtl, ttlSeconds } from "./ttl";

/** For how long those without a seat get credentials, if they get any. */
const openSeconds = 300;
/** Longer than browsers keep an idle connection, which is at most 300 s (Chromium). */
const maxAgeSeconds = 600;

/**
 * A legacy client fetches this before every rejoin, without a time-out, and would hang on a
 * kept-alive connection that died together with its socket. The platform takes Connection: close
 * out of a response, so that client, which proves no seat, may keep the response instead: before it
 * has aged, a fetch needs no connection, and afterwards no old connection is left.
 */
export async function turnCredentials(request: Request, url: URL, env: Env): Promise<Response> {
  const userId = url.searchParams.get("userId") ?? "";
  if (!userIdPattern.test(userId)) {
    return errorResponse("INVALID_USER_ID");
  }
  const ttl = url.searchParams.get("ttl");
  const seconds = ttl === null ? ttlSeconds(env) : /^[0-9]{1,6}$/.test(ttl) ? Number(ttl) : NaN;
  if (!isTtl(seconds)) {
    return errorResponse("INVALID_TTL");
  }
  const authorization = request.headers.get("Authorization");
  if (authorization === null) {
    const isOpen = env.TURN_OPEN === "true";
    const anybody = { roomId: "", userId, takenAtMs: 0 };
    return isOpen
      ? respond(openSeconds / 2, openSeconds, () => iceServers(env, anybody, openSeconds))
      : respond(maxAgeSeconds, undefined, () => stunServers(env));
  }
  const seat = await seatOf(url.searchParams.get("roomId") ?? "", userId, authorization, env);
  return seat instanceof Response ? seat : respond(0, seconds, () => serversOf(seat, seconds, env));
}

/** A seat with the token that proves it. */
interface ProvedSeat extends Seat {
  readonly token: string;
}

/**
 * All servers for a seat. Its object is told of what has to be revoked with it, before anybody has
 * that.
 */
async function serversOf(seat: ProvedSeat, seconds: number, env: Env): Promise<readonly IceServer[]> {
  const { roomId, userId, token } = seat;
  const { servers, usernames } = await issue(env, seat, seconds);
  if (usernames.length > 0 && !(await objectOf(env, roomId).issued(roomId, userId, token, usernames, Date.now() + seconds * 1000))) {
    throw new Error("the seat has ended");
  }
  return servers;
}

/** The seat that a request proves, or why it proves none. */
async function seatOf(roomId: string, userId: string, authorization: string, env: Env): Promise<ProvedSeat | Response> {
  if (!roomIdPattern.test(roomId)) {
    return errorResponse("INVALID_ROOM_ID");
  }
  const token = /^bearer +([^ ]{1,64}) *$/i.exec(authorization)?.[1];
  let seated: Awaited<ReturnType<typeof ask>> = "INVALID_RESUME_TOKEN";
  if (token !== undefined) {
    try {
      seated = await ask(roomId, userId, token, env);
    } catch (error) {
      return roomFailed(error);
    }
  }
  if (typeof seated === "number" && token !== undefined) {
    return { roomId, userId, takenAtMs: seated, token };
  }
  const response = errorResponse(typeof seated === "number" ? "INVALID_RESUME_TOKEN" : seated);
  if (seated === "INVALID_RESUME_TOKEN") {
    response.headers.set("WWW-Authenticate", "Bearer");
  }
  return response;
}

function ask(roomId: string, userId: string, token: string, env: Env) {
  return objectOf(env, roomId).seated(roomId, userId, token);
}

async function respond(maxAge: number, ttl: number | undefined, servers: () => readonly IceServer[] | Promise<readonly IceServer[]>): Promise<Response> {
  try {
    const response = json(JSON.stringify({ iceServers: await servers(), ttl }));
    if (maxAge > 0) {
      response.headers.set("Cache-Control", `private, max-age=${maxAge}`);
    }
    return response;
  } catch (error) {
    log("warn", "no ICE servers", { error: String(error) });
    return errorResponse("ICE_UNAVAILABLE");
  }
}
