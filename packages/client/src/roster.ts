import type { ResponseMessage, Role, RoomState, User } from "@usher/types";
import type { ServerMessage } from "./signaling.js";

/**
 * Reports whether a message is the server's about the room. What was relayed is not, whatever it
 * contains.
 */
export function isOfRoom(message: ServerMessage): message is OfRoom {
  return Object.hasOwn(changes, message.type);
}

/**
 * The room after such a message: as its roomState has it, or if there is none, as it says what
 * changed.
 */
export function roomAfter(room: RoomState | undefined, message: OfRoom): RoomState | undefined {
  const change = changes[message.type] as (room: RoomState, message: OfRoom) => RoomState;
  return ("roomState" in message ? message.roomState : undefined) ?? (room && change(room, message));
}

type Of<T> = Extract<ResponseMessage, { type: T }>;
/** A message of the server about the room. */
export type OfRoom = Exclude<
  ResponseMessage,
  Of<
    | "KICKED"
    | "ANNOUNCEMENT"
    | "BANS"
    | "KNOCKING"
    | "KNOCK"
    | "KNOCK_ENDED"
    | "PATH"
    | "TOKEN_EXPIRES"
    | "AUTH_RENEWED"
    | "ICE_SERVERS"
    | "ERROR"
    | "UNDELIVERED"
    | "PONG"
  >
>;

const changes = {
  ROOM_CREATED: (room: RoomState) => room,
  ROOM_JOINED: (room: RoomState) => room,
  USER_JOINED: (room: RoomState, { joinedUser }: Of<"USER_JOINED">) => {
    const others = room.users.filter(({ id }) => id !== joinedUser.id);
    const isNew = others.length === room.users.length;
    const joined = isNew ? { ...room, users: [...others, joinedUser] } : withUser(room, joinedUser.id, joinedUser);
    return withHost(joined, joinedUser.isHost ? joinedUser.id : room.hostId);
  },
  USER_LEFT: (room: RoomState, { leftUserId, newHostId }: Of<"USER_LEFT">) =>
    withHost({ ...room, users: room.users.filter(({ id }) => id !== leftUserId) }, newHostId),
  USER_DISCONNECTED: (room: RoomState, { leftUserId, newHostId }: Of<"USER_DISCONNECTED">) =>
    withHost(withUser(room, leftUserId, { isConnected: false }), newHostId),
  USER_RECONNECTED: (room: RoomState, { reconnectedUserId }: Of<"USER_RECONNECTED">) => withUser(room, reconnectedUserId, { isConnected: true }),
  ROOM_RENAMED: (room: RoomState, { newRoomName }: Of<"ROOM_RENAMED">) => ({ ...room, name: newRoomName }),
  USER_RENAMED: (room: RoomState, { userId, newUserName }: Of<"USER_RENAMED">) => withUser(room, userId, { name: newUserName }),
  HOST_CHANGED: (room: RoomState, { newHostId }: Of<"HOST_CHANGED">) => withHost(room, newHostId),
  DOOR_CHANGED: (room: RoomState, { door }: Of<"DOOR_CHANGED">) => ({ ...room, door }),
  ROLE_CHANGED: (room: RoomState, { userId, role }: Of<"ROLE_CHANGED">) => withUser(room, userId, { role }),
};

function withUser(room: RoomState, id: string, fields: Partial<User>): RoomState {
  return { ...room, users: room.users.map((user) => (user.id === id ? { ...user, ...fields } : user)) };
}

function withHost(room: RoomState, hostId = room.hostId): RoomState {
  const withRole = (user: User): User => ({ ...user, isHost: user.id === hostId, role: user.id === hostId ? "HOST" : formerly(user.role) });
  return { ...room, hostId, users: room.users.map(withRole) };
}

/** The role of somebody who is not host: a former host is a guest. */
function formerly(role: Role): Role {
  return role === "HOST" ? "GUEST" : role;
}
