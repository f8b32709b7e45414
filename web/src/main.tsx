// The page: from the start over the room to its end, by what the client says.

import { RoomError } from "@usher/client";
import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { useChanges } from "./hooks.ts";
import { Torch } from "./icons.tsx";
import { roomIdIn } from "./party.ts";
import { Ended, Room } from "./room.tsx";
import { Session } from "./session.ts";
import { Start, type Entrance } from "./start.tsx";

function invitedTo(): string {
  return roomIdIn(location.hash);
}

/** The address becomes the invite link, without a new entry in the history. */
function setHash(roomId: string): void {
  history.replaceState(null, "", roomId === "" ? location.pathname : `#${roomId}`);
}

/** The room of the seat that this tab had before it was reloaded, or "". */
function seatOf(storage: Storage): string {
  try {
    const seat: unknown = JSON.parse(storage.getItem("usher.seat") ?? "null");
    return (seat as { roomId?: string } | null)?.roomId ?? "";
  } catch {
    return "";
  }
}

/** Whether this tab has a seat, and was not opened for another room. */
function isReturnTo(roomId: string): boolean {
  const seat = seatOf(sessionStorage);
  return seat !== "" && (roomId === "" || roomId === seat);
}

/** Where one screen takes the place of another, what had the focus is gone: the new heading has it then, and is read out. */
function useHeadingFocus(screen: string): void {
  const before = useRef(screen);
  useEffect(() => {
    if (before.current !== screen) {
      before.current = screen;
      document.querySelector("h1")?.focus();
    }
  }, [screen]);
}

interface Visit {
  session: Session;
  /** The room of the invite link, or "". */
  hash: string;
  isEntered: boolean;
  isBusy: boolean;
  isReturning: boolean;
  problem: string;
  enter: (entrance: Entrance, name: string) => void;
  /** Ends the seat, and goes to the start, or to another room's entrance. */
  leave: (next: string) => Promise<void>;
  /** Goes to the start, or to a room's entrance, without a seat. */
  begin: (next: string) => void;
}

/** One tab's way in and out of rooms. */
function useVisit(): Visit {
  const [session, setSession] = useState(() => new Session());
  const [hash, setHashState] = useState(invitedTo);
  const [isEntered, setEntered] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [isReturning, setReturning] = useState(() => isReturnTo(hash));
  const [problem, setProblem] = useState("");
  useChanges(session.changes.listen);

  const begin = (next: string): void => {
    session.close();
    setSession(new Session());
    setEntered(false);
    setReturning(false);
    setBusy(false);
    setHash(next);
    setHashState(next);
    setProblem("");
  };
  const wait = async (seat: Promise<unknown>): Promise<void> => {
    setBusy(true);
    try {
      if ((await seat) !== undefined) {
        setEntered(true);
        setHash(session.client.room?.id ?? "");
      }
    } catch (error) {
      begin(hash); // a session that has ended is of no more use
      setProblem(error instanceof RoomError ? `${error.message}.` : "That did not work.");
    }
    setBusy(false);
    setReturning(false);
  };
  const enter = (entrance: Entrance, name: string): void => {
    setProblem("");
    void wait(entrance.kind === "create" ? session.create(name) : session.join(entrance.roomId, name, entrance.orCreate));
  };
  const leave = async (next: string): Promise<void> => {
    setEntered(false);
    setBusy(true);
    await session.client.leave();
    begin(next);
  };
  useEffect(() => {
    if (isReturning) {
      void wait(session.client.resume());
    }
  }, []);
  useEffect(() => {
    const onHash = (): void => {
      const next = invitedTo();
      if (next !== session.client.room?.id) {
        void leave(next);
      }
    };
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  });
  return { session, hash, isEntered, isBusy, isReturning, problem, enter, leave, begin };
}

function Page(): JSX.Element {
  const visit = useVisit();
  const { session, hash, isEntered, isBusy, isReturning, problem, enter } = visit;
  const { status, room, userId } = session.client;
  useHeadingFocus(!isEntered ? "start" : status.state === "ended" ? "end" : "room");
  document.title = isEntered && room !== undefined ? `${room.name} · usher` : "usher";
  let content: JSX.Element;
  if (isEntered && status.state === "ended") {
    content = <Ended error={status.error} again={() => visit.begin(invitedTo())} start={() => visit.begin("")} />;
  } else if (isEntered && room !== undefined) {
    content = <Room session={session} leave={() => void visit.leave("")} />;
  } else if (isReturning) {
    content = <Returning isWaiting={status.state === "waiting"} start={() => void visit.leave("")} />;
  } else {
    content = <Start key={hash} invitedTo={hash} isBusy={isBusy} problem={problem} enter={enter} />;
  }
  return <main data-status={status.state} data-user={userId}>{content}</main>;
}

/** After a reload, until the seat is there again. */
function Returning({ isWaiting, start }: { isWaiting: boolean; start: () => void }): JSX.Element {
  return (
    <div class="lobby">
      <p class="wordmark"><Torch /><span>usher</span></p>
      <p role="status">{isWaiting ? "Reconnecting… The server does not answer. Your seat is kept for a while." : "Showing you to your seat…"}</p>
      {isWaiting && <button type="button" onClick={start}>Back to the start</button>}
    </div>
  );
}

render(<Page />, document.getElementById("page") as HTMLElement);
