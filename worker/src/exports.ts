import type { Event } from "./abi";

/** What the Wasm module exports: worker/main.go. */
export interface Exports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  mailbox(): number;
  reserve(bytes: number): void;
  wake(nowMs: number, alarmMs: number, pausedMs: number, length: number): number;
  step(handle: number, event: Event, conn: number, nowMs: number, argument: number, flags: number, length: number): number;
  relay(handle: number, conn: number, nowMs: number, length: number): number;
  describe(handle: number): number;
  holds(handle: number, length: number): number;
  drop(handle: number): void;
}
