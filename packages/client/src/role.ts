import type { Role, RoomState } from "@usher/types";

/**
 * What a participant may do in the room. Without a word from the server, as of a server that knows
 * no roles, everybody but the host is a guest.
 */
export function roleOf({ hostId, users }: RoomState, userId: string): Role {
  return hostId === userId ? "HOST" : (users.find(({ id }) => id === userId)?.role ?? "GUEST");
}
