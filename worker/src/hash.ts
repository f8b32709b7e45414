// Passcodes are hashed outside of the core, because WebCrypto is many times faster than Wasm.

import { digestBytes, saltBytes } from "./abi";
import { log } from "./http";

/** How many passcodes an object hashes at once. */
const maxHashes = 16;

/** What the core wants: PBKDF2-HMAC-SHA256 of a passcode. */
export interface HashRequest {
  readonly number: number;
  readonly iterations: number;
  /** Empty if it is to be drawn. */
  readonly salt: Uint8Array<ArrayBuffer>;
  readonly passcode: Uint8Array<ArrayBuffer>;
}

/** What hashes: the surroundings. */
export interface Hasher {
  hash(passcode: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<Uint8Array>;
}

const encoder = new TextEncoder();

/** Returns the hash of a passcode. */
export async function derive(passcode: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>, iterations: number): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", passcode, "PBKDF2", false, ["deriveBits"]);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "PBKDF2", hash: "SHA-256", salt, iterations }, key, 8 * digestBytes));
}

/** The passcodes that an object hashes. */
export class Hashes {
  readonly #hasher: Hasher;
  #count = 0;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
  }

  /**
   * Returns the hash of a passcode with the salt that was used. There is no digest if that failed,
   * or too many are under way.
   */
  async of({ iterations, salt, passcode }: HashRequest): Promise<{ used: Uint8Array<ArrayBuffer>; digest: Uint8Array | undefined }> {
    const used = salt.length > 0 ? salt : crypto.getRandomValues(new Uint8Array(saltBytes));
    let digest: Uint8Array | undefined;
    this.#count++;
    try {
      digest = this.#count > maxHashes ? await Promise.resolve(undefined) : await this.#hasher.hash(passcode, used, iterations);
    } catch (error) {
      log("error", "a passcode could not be hashed", { error: String(error) });
    }
    this.#count--;
    return { used, digest };
  }
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
