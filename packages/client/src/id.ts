import { roomIdPattern, systemUserId, userIdPattern } from "@usher/types";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** 22 characters of 6 random bits each. */
export function randomText(): string {
  let text = "";
  for (const byte of crypto.getRandomValues(new Uint8Array(22))) {
    text += alphabet.charAt(byte & 63);
  }
  return text;
}

/** Returns a room id that cannot be guessed. Whoever knows it may join. */
export function newRoomId(): string {
  return randomText();
}

/** Returns a user id that nobody else has. */
export function newUserId(): string {
  return `user-${randomText()}`;
}

/** Reports whether the server would take it. */
export function isRoomId(value: unknown): value is string {
  return typeof value === "string" && roomIdPattern.test(value);
}

/** Reports whether the server would take it. */
export function isUserId(value: unknown): value is string {
  return typeof value === "string" && userIdPattern.test(value) && value !== systemUserId;
}
