// What each message says, in plain words short enough for an arrow.

import type { ClientMessage, PathReason, ResponseMessage } from "@usher/types";

import { clockText, filmTitle, type Names } from "./party.ts";

export type AnyMessage = ClientMessage | ResponseMessage;

/** The subject of a message; each kind has its colour. */
export type Kind = "room" | "rtc" | "sync" | "ping" | "refusal";

export const kindNames: Readonly<Record<Kind, string>> = { room: "room", rtc: "connection", sync: "film", ping: "ping", refusal: "refusal" };

export function kindOf(message: AnyMessage): Kind {
  switch (message.type) {
    case "WEBRTC_OFFER":
    case "WEBRTC_ANSWER":
    case "WEBRTC_ICE_CANDIDATE":
    case "PATH_REPORT":
    case "PATH":
      return "rtc";
    case "PING":
    case "PONG":
      return "ping";
    case "ERROR":
    case "UNDELIVERED":
      return "refusal";
    case "HOST_STATE_UPDATE":
    case "UNIFIED_SYNC":
    case "HOST_NAVIGATE":
    case "CONTROL_MODE_CHANGE":
    case "CLIENT_REQUEST_PLAY":
    case "CLIENT_REQUEST_PAUSE":
    case "CLIENT_REQUEST_SEEK":
    case "DIRECT_PLAY":
    case "DIRECT_PAUSE":
    case "DIRECT_SEEK":
      return "sync";
    default:
      return "room";
  }
}

/** Why two people have no direct connection, "" if they have. */
export const reasonWords: Readonly<Record<PathReason, string>> = {
  DIRECT: "",
  RELAYED: "a TURN server carries it",
  NO_STUN: "the server names no STUN server",
  MDNS_ONLY: "the server names no STUN server, and you are in different networks",
  UDP_BLOCKED: "one of your networks blocks UDP",
  NO_COMMON_FAMILY: "one of you has only IPv4, the other only IPv6",
  NO_TURN: "the room hides addresses, and there is no TURN server",
  TURN_FAILED: "the TURN server does not respond",
  SYMMETRIC_NAT: "your routers let nobody in, and there is no TURN server",
  BLOCKED: "a firewall is in the way",
  PEER_SILENT: "the other browser does not say why",
};

function at(time: number | undefined): string {
  return time === undefined ? "" : ` at ${clockText(time)}`;
}

/** "Bob is" or "you are": the beginning of a sentence about somebody. */
function subject(names: Names, id: string): { who: string; is: string; has: string } {
  const who = names.of(id);
  return who === "you" ? { who, is: "are", has: "have" } : { who, is: "is", has: "has" };
}

export function wordsFor(message: AnyMessage, names: Names): string {
  switch (message.type) {
    case "CREATE_ROOM":
      return "open a room";
    case "JOIN_ROOM":
      return message.resumeToken === undefined ? "a seat, please" : "my seat, please";
    case "LEAVE_ROOM":
      return "goodbye";
    case "RENAME_ROOM":
      return `call the room “${message.newRoomName}”`;
    case "RENAME_USER":
      return `call me ${message.newUserName}`;
    case "TRANSFER_HOST":
      return `make ${names.of(message.targetUserId)} host`;
    case "SET_ROLE":
      return `make ${names.of(message.targetUserId)} a ${message.role.toLowerCase()}`;
    case "KICK_USER":
      return `${message.ban === true ? "ban" : "remove"} ${names.of(message.targetUserId)}`;
    case "UNBAN_USER":
      return "lift a ban";
    case "LIST_BANS":
      return "who is banned?";
    case "SET_DOOR":
      return "change the door";
    case "ADMIT":
      return "let them in";
    case "DENY":
      return "turn them away";
    case "RENEW_AUTH":
      return "a new token";
    case "WEBRTC_OFFER":
      return "offer";
    case "WEBRTC_ANSWER":
      return "answer";
    case "WEBRTC_ICE_CANDIDATE":
      return message.candidate.candidate === "" ? "no more addresses" : "an address to try";
    case "PATH_REPORT":
      return `${{ DIRECT: "a direct path", RELAYED: "a path through TURN", NONE: "no direct path" }[message.path]} to ${names.of(message.targetUserId)}`;
    case "PATH":
      return message.reason === "DIRECT" ? `connected with ${names.of(message.otherUserId)}` : reasonWords[message.reason];
    case "PING":
      return "still there?";
    case "PONG":
      return "still here";
    case "ROOM_CREATED":
      return "your room is open";
    case "ROOM_JOINED":
      return message.resumed ? "welcome back" : "welcome";
    case "USER_JOINED":
      return `${message.joinedUser.name} is here`;
    case "USER_LEFT": {
      const { who, has } = subject(names, message.leftUserId);
      return `${who} ${has} left`;
    }
    case "USER_DISCONNECTED":
      return `lost ${names.of(message.leftUserId)}, seat kept`;
    case "USER_RECONNECTED":
      return `${names.of(message.reconnectedUserId)} is back`;
    case "ROOM_RENAMED":
      return `the room is “${message.newRoomName}”`;
    case "USER_RENAMED": {
      const { who, is } = subject(names, message.userId);
      return who === message.newUserName ? `now called ${who}` : `${who} ${is} now ${message.newUserName}`;
    }
    case "HOST_CHANGED": {
      const { who, is } = subject(names, message.newHostId);
      return `${who} ${is} host now`;
    }
    case "ROLE_CHANGED": {
      const { who, is } = subject(names, message.userId);
      return `${who} ${is} a ${message.role.toLowerCase()} now`;
    }
    case "KICKED":
      return message.banned ? "you are banned" : "you were removed";
    case "ANNOUNCEMENT":
      return message.text;
    case "BANS":
      return message.bans.length === 1 ? "one is banned" : `${message.bans.length} are banned`;
    case "DOOR_CHANGED":
      return { OPEN: "the door is open", KNOCK: "newcomers have to knock", LOCKED: "the door is locked" }[message.door.entry];
    case "KNOCKING":
      return `wait at the door, place ${message.position}`;
    case "KNOCK":
      return `${message.userName} is at the door`;
    case "KNOCK_ENDED":
      return "nobody at the door";
    case "ICE_SERVERS":
      return "new ways to connect";
    case "TOKEN_EXPIRES":
      return "your token expires soon";
    case "AUTH_RENEWED":
      return "token renewed";
    case "UNDELIVERED":
    case "ERROR":
      return `no: ${message.code.toLowerCase().replaceAll("_", " ")}`;
    default:
      return syncWords(message);
  }
}

function syncWords(message: Extract<ClientMessage, { type: `${"HOST_" | "UNIFIED_" | "CONTROL_" | "CLIENT_" | "DIRECT_"}${string}` }>): string {
  switch (message.type) {
    case "HOST_STATE_UPDATE":
      return `${message.state === "PLAYING" ? "playing" : "paused"}${at(message.time)}`;
    case "UNIFIED_SYNC":
      return `${message.action === "SEEK" ? "go" : message.action.toLowerCase()}${at(message.time)}`.replace("go at", "go to");
    case "CONTROL_MODE_CHANGE":
      return message.mode === "HOST_ONLY" ? "only the host controls" : "everyone controls";
    case "HOST_NAVIGATE":
      return `let’s watch ${filmTitle(message.url)}`;
    case "CLIENT_REQUEST_PLAY":
      return `please play${at(message.time)}`;
    case "CLIENT_REQUEST_PAUSE":
      return `please pause${at(message.time)}`;
    case "CLIENT_REQUEST_SEEK":
      return `please go to ${clockText(message.time)}`;
    case "DIRECT_PLAY":
      return `play${at(message.time)}`;
    case "DIRECT_PAUSE":
      return `pause${at(message.time)}`;
    case "DIRECT_SEEK":
      return `go to ${clockText(message.time)}`;
    default:
      return message satisfies never;
  }
}
