// What tests of the client put in the place of the platform's, and what it rejects with then.

import assert from "node:assert/strict";
import { afterEach } from "node:test";

import { RoomError } from "@usher/client";

/** The RoomError that a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<RoomError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof RoomError, String(error));
  return error;
}

const originals = new Map<string, PropertyDescriptor | undefined>();

afterEach(() => {
  for (const [name, original] of originals) {
    if (original === undefined) {
      Reflect.deleteProperty(globalThis, name);
    } else {
      Object.defineProperty(globalThis, name, original);
    }
  }
  originals.clear();
});

/** Puts something in the place of a global name, for the rest of the test. */
export function replace(name: string, value: unknown): void {
  if (!originals.has(name)) {
    originals.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
  }
  Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
}
