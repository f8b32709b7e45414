// Passcodes are hashed outside of the core, because WebCrypto is many times faster than Wasm.

import { digestBytes, saltBytes } from "./abi";

/** What the core wants: PBKDF2-HMAC-SHA256 of a passcode. */
export interface HashRequest {
  readonly number: number;
  readonly iterations: number;
  /** Empty if it is to be drawn. */
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly passcode: Uint8Array<ArrayBuffer>;
}

const encoder = new TextEncoder();

/** Returns the hash of a passcode. */
export async function derive(passcode: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", passcode, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, key, 8 * digestBytes));
}

/** Returns the input of Event.hashed. There is no digest if there is no hash. */
export function hashedInput(salt: Uint8Array, digest: Uint8Array | undefined, frame: string): Uint8Array {
  const text = encoder.encode(frame);
  const input = new Uint8Array(1 + saltBytes + digestBytes + text.length);
  if (digest !== undefined) {
    input[0] = 1;
    input.set(salt, 1);
    input.set(digest, 1 + saltBytes);
  }
  input.set(text, 1 + saltBytes + digestBytes);
  return input;
}
