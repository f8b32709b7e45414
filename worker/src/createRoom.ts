// POST /rooms: a program with an API key creates a room ahead of its people, and gets invites to
// it.

import { maxKeepMs, maxPasscodeLength, maxRoomPeople, minPasscodeLength, roomIdPattern, type ControlMode } from "@usher/types";

import { bearer } from "./auth";
import { errorResponse, json, log, roomFailed } from "./http";
import { isRole, toBase64url } from "./identity";
import { objectOf } from "./objects";
import { newInvite } from "./pass";

const maxInvites = 100;
const maxBodyBytes = 16 << 10;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const fields = ["roomId", "roomName", "controlMode", "waitMs", "keepMs", "door", "iceTransportPolicy", "invites"];
const doorFields = ["entry", "passcode", "maxPeople", "listed"];

interface WantedInvite {
  role?: string;
  expiresMs?: number;
  once?: boolean;
}

interface WantedRoom {
  roomId: string;
  roomName: string;
  controlMode: ControlMode;
  waitMs: number;
  keepMs: number;
  door: WantedDoor;
  iceTransportPolicy: string;
  invites: WantedInvite[];
}

interface WantedDoor {
  entry?: string;
  passcode?: string;
  maxPeople?: number;
  listed?: boolean;
}

export async function createRoom(request: Request, url: URL, env: Env): Promise<Response> {
  const name = await keyName(bearer(request), env.API_KEYS ?? "");
  if (name === "") {
    return errorResponse("INVALID_API_KEY");
  }
  const secret = env.INVITE_SECRET ?? "";
  if (secret === "") {
    log("error", "there is no INVITE_SECRET to sign invites with");
    return errorResponse("AUTH_UNAVAILABLE");
  }
  const wanted = read(await request.text());
  if (typeof wanted === "string") {
    return wanted === "roomId" ? errorResponse("INVALID_ROOM_ID") : errorResponse("INVALID_MESSAGE", `${wanted} is malformed or out of its bounds`);
  }
  const { roomId, roomName, controlMode } = wanted;
  const { entry = "", passcode = "", maxPeople = 0, listed = false } = wanted.door;
  const arrangement = {
    awaitedUntilMs: Date.now() + wanted.waitMs,
    ...{ controlMode, roomName, entry, passcode, maxPeople, listed },
    relayOnly: wanted.iceTransportPolicy === "relay",
    keepMs: wanted.keepMs,
  };
  let made: Awaited<ReturnType<typeof create>>;
  try {
    made = await create();
  } catch (error) {
    return roomFailed(error);
  }
  if (typeof made === "string") {
    return errorResponse(made);
  }
  const roomSinceMs = made.createdAtMs;
  const invites = wanted.invites.map(async ({ role = "", expiresMs = dayMs, once = false }) => {
    const untilMs = Date.now() + expiresMs;
    const invite = await newInvite({ roomId, roomSinceMs, role, untilMs, once }, secret);
    // In the fragment, which browsers do not send: no log has it.
    return { role: role || undefined, once, expiresAt: untilMs, invite, url: `${url.origin}/#${roomId}?invite=${invite}` };
  });
  log("info", "room created", { apiKey: name, invites: wanted.invites.length });
  const created = {
    roomId,
    createdAt: made.createdAtMs,
    awaitedUntil: made.endsAtMs,
    keepMs: made.keepMs || undefined,
    ownerToken: made.ownerToken || undefined,
    invites: await Promise.all(invites),
  };
  return json(JSON.stringify(created), 201);

  function create(): ReturnType<ReturnType<typeof objectOf>["create"]> {
    return objectOf(env, roomId).create(roomId, arrangement);
  }
}

/** The name of an API key, "" if it is none of those whose hashes are in lines "NAME SHA256". */
async function keyName(key: string, lines: string): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(key)));
  const hash = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const known = lines.split("\n").map((line) => line.replace(/#.*/, "").trim().split(/\s+/));
  // A line without scopes has this one. The worker has no use for the others.
  return known.find(([, own, scopes = "rooms"]) => own?.toLowerCase() === hash && scopes.split(",").includes("rooms"))?.[0] ?? "";
}

/** The body with what is missing filled in, or the name of what is wrong with it. */
function read(body: string): WantedRoom | string {
  let json: Record<string, unknown>;
  try {
    json = JSON.parse(body) as Record<string, unknown>;
  } catch {
    return "the body";
  }
  if (body.length > maxBodyBytes || typeof json !== "object" || json === null || Object.keys(json).some((field) => !fields.includes(field))) {
    return "the body";
  }
  const { roomId = newRoomId(), roomName = "", controlMode = "HOST_ONLY", waitMs = hourMs, invites = [] } = json as unknown as Partial<WantedRoom>;
  const { keepMs = 0, door = {}, iceTransportPolicy = "all" } = json as unknown as Partial<WantedRoom>;
  const isName =
    typeof roomName === "string" &&
    (roomName === "" || (/\S/.test(roomName) && roomName.length <= 64 && !/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u.test(roomName)));
  const isList = Array.isArray(invites) && invites.length <= maxInvites;
  const wrong = [
    typeof roomId === "string" && roomIdPattern.test(roomId) ? "" : "roomId",
    isName ? "" : "roomName",
    controlMode === "HOST_ONLY" || controlMode === "FREE_FOR_ALL" ? "" : "controlMode",
    isSpan(waitMs, 7 * dayMs) ? "" : "waitMs",
    isCount(keepMs, maxKeepMs) ? "" : "keepMs",
    iceTransportPolicy === "all" || iceTransportPolicy === "relay" ? "" : "iceTransportPolicy",
    wrongInDoor(door),
    isList && invites.every(isInvite) ? "" : "invites",
  ].find((field) => field !== "");
  return wrong ?? { roomId, roomName: roomName.trim(), controlMode, waitMs, keepMs, door, iceTransportPolicy, invites };
}

/** The name of what is wrong with a door, "" if nothing is. */
function wrongInDoor(door: WantedDoor): string {
  if (typeof door !== "object" || door === null || Array.isArray(door) || Object.keys(door).some((field) => !doorFields.includes(field))) {
    return "door";
  }
  const { entry = "", passcode = "", maxPeople = 0, listed = false } = door;
  const wrong = [
    ["", "OPEN", "KNOCK", "LOCKED"].includes(entry) ? "" : "entry",
    typeof passcode === "string" && (passcode === "" || isPasscode(passcode)) ? "" : "passcode",
    isCount(maxPeople, maxRoomPeople) ? "" : "maxPeople",
    typeof listed === "boolean" ? "" : "listed",
  ].find((field) => field !== "");
  return wrong === undefined ? "" : `door.${wrong}`;
}

function isPasscode(text: string): boolean {
  const { length } = [...text];
  return length >= minPasscodeLength && length <= maxPasscodeLength && !/[\p{Cc}\u2028\u2029]/u.test(text);
}

function isCount(n: unknown, most: number): boolean {
  return typeof n === "number" && Number.isInteger(n) && n >= 0 && n <= most;
}

function isInvite(invite: WantedInvite | null): boolean {
  const { role, expiresMs = dayMs, once = false } = invite ?? { role: null };
  return (role === undefined || isRole(role)) && isSpan(expiresMs, 30 * dayMs) && typeof once === "boolean";
}

function isSpan(ms: unknown, longestMs: number): boolean {
  return typeof ms === "number" && ms >= 1000 && ms <= longestMs;
}

function newRoomId(): string {
  return toBase64url(crypto.getRandomValues(new Uint8Array(16)));
}
