// A room that is created ahead of its people, as the traces have it.

import type { Arrangement } from "../src/arrangement";

/** package room's Arrangement as Go writes it in JSON. */
export interface GoArrangement {
  Name: string;
  Mode: number;
  AwaitedUntilMs: number;
  RelayOnly: boolean;
  KeepMs: number;
  Door: { Entry: number; Passcode: string | null; MaxPeople: number; Listed: boolean };
}

export function arrangementOf({ Name, Mode, AwaitedUntilMs, RelayOnly, KeepMs, Door }: GoArrangement): Arrangement {
  return {
    awaitedUntilMs: AwaitedUntilMs,
    controlMode: Mode === 0 ? "HOST_ONLY" : "FREE_FOR_ALL",
    roomName: Name,
    relayOnly: RelayOnly,
    keepMs: KeepMs,
    entry: ["OPEN", "KNOCK", "LOCKED"][Door.Entry] ?? "",
    passcode: atob(Door.Passcode ?? ""),
    maxPeople: Door.MaxPeople,
    listed: Door.Listed,
  };
}
