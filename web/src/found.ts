// What the server says about a room before the viewer joins it.

import type { ErrorMessage, RoomSummary } from "@usher/types";
import { useEffect, useState } from "preact/hooks";

/** "none": there is no such room. A refusal says why the viewer may not know more. */
export type Found = RoomSummary | Refusal | "none";

interface Refusal {
  title: string;
  words: string;
}

export function isRefusal(found: Found | undefined): found is Refusal {
  return typeof found === "object" && "words" in found;
}

const refusals: Readonly<Partial<Record<ErrorMessage["code"], Refusal>>> = {
  INVALID_INVITE: {
    title: "This invitation is broken",
    words: "Part of it is missing, or its room has ended. Ask for the link again.",
  },
  INVITE_EXPIRED: { title: "This invitation has expired", words: "It was valid only for a while. Ask for a new one." },
  AUTH_REQUIRED: { title: "By invitation only", words: "This server lets in only people with an account or an invitation. Ask for an invite link." },
};

/**
 * Asks for a room; undefined until the response is there, or if it is of no use: joining will
 * report that.
 */
export function useRoom(roomId: string, invite: string): Found | undefined {
  const [room, setRoom] = useState<Found | undefined>();
  useEffect(() => {
    let isCurrent = true;
    setRoom(undefined);
    if (roomId !== "") {
      ask(roomId, invite)
        .then((found) => isCurrent && setRoom(found))
        .catch(() => undefined);
    }
    return () => {
      isCurrent = false;
    };
  }, [roomId, invite]);
  return room;
}

async function ask(roomId: string, invite: string): Promise<Found | undefined> {
  const response = await fetch(invite === "" ? `rooms/${roomId}` : `rooms/${roomId}?${new URLSearchParams({ invite }).toString()}`);
  if (response.ok) {
    return (await response.json()) as RoomSummary;
  }
  return response.status === 404 ? "none" : refusals[((await response.json()) as ErrorMessage).code];
}
