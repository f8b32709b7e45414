// Which Durable Object has a room.

import type { RoomState } from "./roomState";

/**
 * The object of a room. With JURISDICTION it runs, and keeps what it stores, within that
 * jurisdiction only; it is then another object than without. Throws if the platform does not know
 * the jurisdiction.
 */
export function objectOf(env: Env, roomId: string): DurableObjectStub<RoomState> {
  const { JURISDICTION: jurisdiction = "" } = env;
  const objects = jurisdiction === "" ? env.ROOM : env.ROOM.jurisdiction(jurisdiction as DurableObjectJurisdiction);
  return objects.getByName(roomId);
}
