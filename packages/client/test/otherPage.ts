// Another page of the same browser for store.test.ts: a worker has locks and channels in common
// with the rest of its process, as pages have.

import { parentPort, workerData } from "node:worker_threads";

import { claimed, memoryStore, type StoredSeat } from "@usher/client";

if (!(workerData as { hasLocks: boolean }).hasLocks) {
  Object.defineProperty(globalThis, "navigator", { value: {}, configurable: true });
}
parentPort?.on("message", async ({ kept }: { kept: StoredSeat }) => {
  const memory = memoryStore();
  await memory.save(kept);
  parentPort?.postMessage(await claimed(memory).load());
});
