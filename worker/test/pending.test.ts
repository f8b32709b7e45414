// What an event leaves behind: nothing that keeps the object in memory, and with it the code of an
// older deployment.

import { runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";

import type { RoomState } from "../src/roomState";
import { objectOf, pair } from "./person";

afterEach(() => {
  vi.restoreAllMocks();
});

test("nothing is pending after an event", async () => {
  const { bob } = await pair("pending-1");
  const common = { roomId: "pending-1", timestamp: 1 };
  const frames = [
    { type: "PING" },
    { type: "WEBRTC_OFFER", targetUserId: "bob", offer: { type: "offer", sdp: "v=0" } },
    { type: "RENAME_ROOM", newRoomName: "Film" },
    { type: "TRANSFER_HOST", targetUserId: "bob" },
    { type: "NONE_SUCH" },
  ];
  await runInDurableObject(objectOf("pending-1") as DurableObjectStub<RoomState>, async (room, ctx) => {
    const timers = [vi.spyOn(globalThis, "setTimeout"), vi.spyOn(globalThis, "setInterval"), vi.spyOn(ctx, "waitUntil")];
    const sockets = ctx.getWebSockets(); // in any order: on one of them ann is believed
    for (const frame of frames) {
      for (const socket of sockets) {
        expect(room.webSocketMessage(socket, JSON.stringify({ ...common, userId: "ann", ...frame })), frame.type).toBeUndefined();
      }
    }
    expect(room.alarm(), "the alarm").toBeUndefined();
    const [first, second] = sockets as [WebSocket, WebSocket];
    expect(room.webSocketMessage(first, new ArrayBuffer(1)), "a binary frame").toBeUndefined();
    expect(room.webSocketClose(second, 4000, "", true), "the end of a socket").toBeUndefined();
    for (const timer of timers) {
      expect(timer).not.toHaveBeenCalled();
    }
    await ctx.storage.sync(); // what was written is all that was under way
  });
  await bob.client.frame("WEBRTC_OFFER"); // they were events indeed
});
