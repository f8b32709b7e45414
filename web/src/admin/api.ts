// The server's API for operators, as the page uses it. The token is kept for this tab only.

const tokenKey = "usher-admin-token";

export interface ServerView {
  node?: string;
  startedAt: number;
  now: number;
  notReady?: string;
  counts: Counts;
  memory: { liveBytes: number; boundBytes: number; isFull: boolean; goroutines: number };
  store: { accepts: boolean; healthy: boolean };
  cluster?: { shards: number; unowned: number; problem?: string; nodes: { id: string; address: string; state: string; shards: number }[] };
}

export interface Counts {
  rooms: number;
  people: number;
  connections: number;
  waitingBytes: number;
  messages: number;
  relayed: number;
  joins: number;
  saves: number;
  failedCommits: number;
  refusals: { code: string; errors: number; undelivered: number }[];
  latencies: { name: string; boundsMs: number[]; counts: number[]; sumMs: number }[];
}

export interface RoomEntry {
  roomId: string;
  roomName: string;
  people: number;
  connected: number;
  entry: string;
  controlMode: string;
  createdAt: number;
}

export interface RoomPage {
  rooms: RoomEntry[];
  cursor?: string;
  total: number;
}

export interface RoomView {
  roomId: string;
  roomName: string;
  controlMode: string;
  entry: string;
  hasPasscode: boolean;
  maxPeople: number;
  createdAt: number;
  activeAt: number;
  connections: number;
  knocks: number;
  people: { userId: string; userName: string; role: string; isConnected: boolean; isLegacy: boolean; joinedAt: number }[];
  bans: { userId: string; userName: string; bannedAt: number }[];
}

export interface SignalView {
  at: number;
  sent: boolean;
  userId: string;
  type: string;
  bytes: number;
  lost?: number;
}

/** Why the server has refused something. */
export class Refused extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

export function savedToken(): string {
  return sessionStorage.getItem(tokenKey) ?? "";
}

export function saveToken(token: string): void {
  if (token === "") {
    sessionStorage.removeItem(tokenKey);
  } else {
    sessionStorage.setItem(tokenKey, token);
  }
}

async function request(method: string, path: string, body: unknown, signal: AbortSignal | undefined): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      headers: { "Authorization": `Bearer ${savedToken()}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      credentials: "omit",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (error) {
    throw signal?.aborted === true ? error : new Refused("UNREACHABLE", "The server does not answer");
  }
  if (!response.ok) {
    const { code, error, details } = (await response.json().catch(() => ({}))) as { code?: string; error?: string; details?: string };
    throw new Refused(code ?? `${response.status}`, `${error ?? response.statusText}${details === undefined ? "" : `: ${details}`}`);
  }
  return response;
}

export async function read<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await request("GET", path, undefined, signal)).json()) as T;
}

export async function change(method: string, path: string, body?: unknown): Promise<void> {
  await request(method, path, body, undefined);
}

/**
 * Calls hear with the data of each server-sent event until the signal aborts or the stream ends.
 */
export async function listen<T>(path: string, hear: (batch: T[]) => void, signal: AbortSignal): Promise<void> {
  const response = await request("GET", path, undefined, signal);
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (let step = await reader?.read(); step !== undefined && !step.done; step = await reader?.read()) {
    text += decoder.decode(step.value, { stream: true });
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    const batch = blocks.flatMap((block) => {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      return data === undefined ? [] : [JSON.parse(data.slice(6)) as T];
    });
    if (batch.length > 0) {
      hear(batch);
    }
  }
}

export function roomPath(roomId: string): string {
  return `/rooms/${encodeURIComponent(roomId)}`;
}
