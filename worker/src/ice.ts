// GET /turn-credentials?userId=ID[&ttl=SECONDS]: ICE servers, with credentials that expire.

import { userIdPattern } from "@usher/types";

import { errorResponse, json, log } from "./http";

const minSeconds = 300;
const maxSeconds = 86_400;
/** As long as a room lives without signaling: offers to somebody who joins late still use these. */
const defaultSeconds = 43_200;
/** A legacy client waits for the response between opening its socket and joining. */
const providerTimeoutMs = 3000;
/** Longer than browsers keep an idle connection, which is at most 300 s (Chromium). */
const maxAgeSeconds = 600;

/** W3C RTCIceServer. */
interface IceServer {
  readonly urls: string | readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

/**
 * A legacy client fetches this before every rejoin, without a time-out, and would hang on a kept-alive connection that died together with
 * its socket. The platform takes Connection: close out of a response, so the client may keep the response instead: before it has aged, a
 * fetch needs no connection, and afterwards no old connection is left.
 */
export async function turnCredentials(url: URL, env: Env): Promise<Response> {
  const userId = url.searchParams.get("userId") ?? "";
  if (!userIdPattern.test(userId)) {
    return errorResponse("INVALID_USER_ID");
  }
  const ttl = url.searchParams.get("ttl");
  const seconds = ttl === null ? defaultSeconds : /^[0-9]{1,6}$/.test(ttl) ? Number(ttl) : NaN;
  if (!(seconds >= minSeconds && seconds <= maxSeconds)) {
    return errorResponse("INVALID_TTL");
  }
  try {
    const iceServers = [...(await configured(env, userId, seconds)), ...(await provided(env, seconds))];
    const answer = json(JSON.stringify({ iceServers }));
    answer.headers.set("Cache-Control", `private, max-age=${Math.min(maxAgeSeconds, Math.floor(seconds / 2))}`);
    return answer;
  } catch (error) {
    log("warn", "no ICE servers", { error: String(error) });
    return errorResponse("ICE_UNAVAILABLE");
  }
}

/** The servers of ICE_SERVERS. A TURN server without a user name gets credentials made of TURN_SECRET. */
async function configured(env: Env, userId: string, seconds: number): Promise<readonly IceServer[]> {
  const servers = JSON.parse(env.ICE_SERVERS || "[]") as readonly IceServer[];
  const secret = env.TURN_SECRET;
  if (secret === undefined || secret === "") {
    return servers;
  }
  const credential = await turnCredential(secret, `${Math.floor(Date.now() / 1000) + seconds}:${userId}`);
  return servers.map((server) => (server.username === undefined && relays(server) ? { ...server, ...credential } : server));
}

function relays({ urls }: IceServer): boolean {
  return (typeof urls === "string" ? [urls] : urls).some((url) => /^turns?:/i.test(url));
}

/** A credential of the TURN REST API (draft-uberti-behave-turn-rest-00, section 2.2), which coturn's use-auth-secret checks. */
async function turnCredential(secret: string, username: string): Promise<{ username: string; credential: string }> {
  const encoder = new TextEncoder();
  const key = await crypto.subtle.importKey("raw", encoder.encode(secret), { name: "HMAC", hash: "SHA-1" }, false, ["sign"]);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", key, encoder.encode(username)));
  return { username, credential: btoa(String.fromCharCode(...mac)) };
}

/** Cloudflare's own TURN service, if there is a key for it. */
async function provided(env: Env, seconds: number): Promise<readonly IceServer[]> {
  if (!env.TURN_KEY_ID || !env.TURN_KEY_API_TOKEN) {
    return [];
  }
  const answer = await fetch(`https://rtc.live.cloudflare.com/v1/turn/keys/${env.TURN_KEY_ID}/credentials/generate-ice-servers`, {
    method: "POST",
    headers: { Authorization: `Bearer ${env.TURN_KEY_API_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ ttl: seconds }),
    signal: AbortSignal.timeout(providerTimeoutMs),
  });
  if (!answer.ok) {
    throw new Error(`the TURN service answered ${answer.status}`);
  }
  const { iceServers } = await answer.json<{ iceServers: readonly IceServer[] }>();
  // On port 53 browsers wait a long time, for nothing.
  return iceServers.map((server) => ({
    ...server,
    urls: (typeof server.urls === "string" ? [server.urls] : server.urls).filter((url) => !/:53(\?|$)/.test(url)),
  }));
}
