// What the types refuse. It is only compiled: a line that compiles in spite of its mark is an
// error.
import { closeCodes, errorCodes } from "@usher/types";
import type { ClientMessage, CloseCode, ErrorCode, PlaybackMessage, ResponseMessage, RoomState, SignalingMessage, SyncMessage } from "@usher/types";

const base = { roomId: "room-1", userId: "ann", timestamp: 0 };

export const client: ClientMessage[] = [
  // @ts-expect-error a type that no client may send
  { type: "ROOM_JOINED", ...base },
  // @ts-expect-error userName is missing
  { type: "JOIN_ROOM", ...base },
  // @ts-expect-error a name is a string
  { type: "RENAME_USER", ...base, newUserName: 7 },
  // @ts-expect-error no such field
  { type: "LEAVE_ROOM", ...base, reason: "bored" },
  // @ts-expect-error roomId is missing
  { type: "LEAVE_ROOM", userId: "ann", timestamp: 0 },
  // @ts-expect-error an offer is a description
  { type: "WEBRTC_OFFER", ...base, targetUserId: "bob", offer: "v=0" },
  // @ts-expect-error no such type of description
  { type: "WEBRTC_ANSWER", ...base, targetUserId: "bob", answer: { type: "reply" } },
  // @ts-expect-error no such state
  { type: "HOST_STATE_UPDATE", ...base, state: "PLAY", time: 1 },
  // @ts-expect-error no such mode
  { type: "CONTROL_MODE_CHANGE", ...base, mode: "ANARCHY" },
  // @ts-expect-error a seek needs a time
  { type: "CLIENT_REQUEST_SEEK", ...base },
];

export function narrowed(message: ResponseMessage, signaling: SignalingMessage, sync: SyncMessage, older: PlaybackMessage, room: RoomState): unknown[] {
  // @ts-expect-error only some messages have a room state
  const state = message.roomState;
  // @ts-expect-error a PONG has no error
  const error = message.type === "PONG" ? message.error : "";
  // @ts-expect-error a request has no state of a film
  const film = signaling.state;
  // @ts-expect-error none of the older messages changes the mode
  const mode = older.type === "CONTROL_MODE_CHANGE";
  // @ts-expect-error no sync message is a PING
  const ping = sync.type === "PING";
  // @ts-expect-error the host may be on no page
  const length = room.hostCurrentUrl.length;
  return [state, error, film, mode, ping, length];
}

// @ts-expect-error no such code
export const code: ErrorCode = "TOO_BAD";
// @ts-expect-error no such close code
export const close: CloseCode = 1006;
// @ts-expect-error no such row
export const row = errorCodes.TOO_BAD;
// @ts-expect-error the tables are not to be changed
closeCodes[1000].retryable = true;
