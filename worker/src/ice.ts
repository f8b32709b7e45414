// The ICE servers that a deployment has, with credentials that expire and name a seat.

/** W3C RTCIceServer. */
export interface IceServer {
  readonly urls: string | readonly string[];
  readonly username?: string;
  readonly credential?: string;
}

/**
 * Whom credentials are for. takenAtMs tells a seat from an earlier one of the same user, and is 0
 * for somebody without a seat.
 */
export interface Seat {
  readonly roomId: string;
  readonly userId: string;
  readonly takenAtMs: number;
}

/** The settings that this needs. */
export type IceEnv = Pick<Env, "ICE_SERVERS" | "TURN_SECRET" | "TURN_KEY_ID" | "TURN_KEY_API_TOKEN">;

const providerTimeoutMs = 3000;
const maxResponseLength = 65_536;
/** Cloudflare's STUN server needs no credentials. */
const cloudflareStun: IceServer = { urls: ["stun:stun.cloudflare.com:3478"] };

/** Whether any credentials have to be renewed. */
export function expires(env: IceEnv): boolean {
  return Boolean(env.TURN_SECRET) || hasCloudflare(env);
}

/** What needs no credentials. */
export function stunServers(env: IceEnv): readonly IceServer[] {
  const own = configuredServers(env).flatMap(({ urls }) => {
    const stun = (typeof urls === "string" ? [urls] : urls).filter((url) => /^stuns?:/i.test(url));
    return stun.length === 0 ? [] : [{ urls: stun }];
  });
  return hasCloudflare(env) ? [...own, cloudflareStun] : own;
}

/** Servers with credentials, and the user names of those that can be revoked. */
export interface Issue {
  readonly servers: readonly IceServer[];
  readonly usernames: readonly string[];
}

/** All servers, with credentials for a seat. It throws an Error that says what is wrong. */
export async function iceServers(env: IceEnv, seat: Seat, seconds: number): Promise<readonly IceServer[]> {
  return (await issue(env, seat, seconds)).servers;
}

/** The same, with what to revoke when the seat ends. */
export async function issue(env: IceEnv, seat: Seat, seconds: number): Promise<Issue> {
  const own = await provided(env, seconds);
  const usernames = new Set(own.flatMap(({ username }) => (username === undefined ? [] : [username])));
  return { servers: [...(await configured(env, seat, seconds)), ...own], usernames: [...usernames] };
}

/** Revokes what Cloudflare's service has given. It throws an Error that says what is wrong. */
export async function revoke(env: IceEnv, username: string): Promise<void> {
  const response = await callCloudflare(env, `${encodeURIComponent(username)}/revoke`);
  if (!response.ok) {
    throw new Error(`the TURN service answered ${response.status}`);
  }
}

function configuredServers(env: IceEnv): readonly IceServer[] {
  return JSON.parse(env.ICE_SERVERS || "[]") as readonly IceServer[];
}

/**
 * The servers of ICE_SERVERS. A TURN server without a user name gets credentials made of
 * TURN_SECRET.
 */
async function configured(env: IceEnv, seat: Seat, seconds: number): Promise<readonly IceServer[]> {
  const servers = configuredServers(env);
  const secret = env.TURN_SECRET;
  if (secret === undefined || secret === "") {
    return servers;
  }
  const username = `${Math.floor(Date.now() / 1000) + seconds}:${await nameOf(seat, secret)}`;
  // draft-uberti-behave-turn-rest-00, section 2.2, which coturn's use-auth-secret checks.
  const credential = base64(await hmac("SHA-1", secret, new TextEncoder().encode(username)));
  return servers.map((server) => (server.username === undefined && relays(server) ? { ...server, username, credential } : server));
}

function relays({ urls }: IceServer): boolean {
  return (typeof urls === "string" ? [urls] : urls).some((url) => /^turns?:/i.test(url));
}

/** The seat as credentials name it: turn.Seat.Name of the native server. */
async function nameOf({ roomId, userId, takenAtMs }: Seat, secret: string): Promise<string> {
  const text = new TextEncoder().encode(`seat\0${roomId}\0${userId}\0`);
  const input = new Uint8Array(text.length + 8);
  input.set(text);
  new DataView(input.buffer).setBigUint64(text.length, BigInt(takenAtMs));
  return base64((await hmac("SHA-256", secret, input)).subarray(0, 15))
    .replaceAll("+", "-")
    .replaceAll("/", "_");
}

async function hmac(hash: string, secret: string, input: Uint8Array): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), { name: "HMAC", hash }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, input));
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

/** Whether there is a key for Cloudflare's service, whose credentials can be revoked. */
export function hasCloudflare(env: IceEnv): boolean {
  return Boolean(env.TURN_KEY_ID && env.TURN_KEY_API_TOKEN);
}

/** Cloudflare's own TURN service, if there is a key for it. */
async function provided(env: IceEnv, seconds: number): Promise<readonly IceServer[]> {
  if (!hasCloudflare(env)) {
    return [];
  }
  const response = await callCloudflare(env, "generate-ice-servers", JSON.stringify({ ttl: seconds }));
  if (!response.ok) {
    throw new Error(`the TURN service answered ${response.status}`);
  }
  const text = await response.text();
  if (text.length > maxResponseLength) {
    throw new Error("the TURN service answered too much");
  }
  return readServers(text);
}

/** Makes a call to the API of a TURN key. A redirect would carry the token to somebody else. */
function callCloudflare(env: IceEnv, path: string, body?: string): Promise<Response> {
  return fetch(`https://rtc.live.cloudflare.com/v1/turn/keys/${env.TURN_KEY_ID}/credentials/${path}`, {
    method: "POST",
    headers: { Authorization: `Bearer ${env.TURN_KEY_API_TOKEN}`, "Content-Type": "application/json" },
    redirect: "manual",
    signal: AbortSignal.timeout(providerTimeoutMs),
    ...(body === undefined ? {} : { body }),
  });
}

/** Reads what the service answered. On port 53 browsers wait a long time, for nothing. */
function readServers(text: string): readonly IceServer[] {
  let servers: unknown;
  try {
    ({ iceServers: servers } = JSON.parse(text) as { iceServers?: unknown });
  } catch {
    servers = undefined; // what was wrong with it may quote a credential
  }
  if (!Array.isArray(servers)) {
    throw new Error("the TURN service answered something else than iceServers");
  }
  return (servers as readonly IceServer[])
    .map((server) => ({
      ...server,
      urls: (typeof server.urls === "string" ? [server.urls] : server.urls).filter((url) => !/:53(\?|$)/.test(url)),
    }))
    .filter(({ urls }) => urls.length > 0);
}
