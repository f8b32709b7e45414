// The page, from the start through the room to its end, as the client reports it.

import { RoomError } from "@usher/client";
import { render } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { useChanges } from "./hooks.ts";
import { Knocking } from "./knocking.tsx";
import { keptRoom } from "./memory.ts";
import { invitationIn, type Invitation } from "./party.ts";
import { Ended, Room } from "./room.tsx";
import { Session } from "./session.ts";
import { Start, type Entrance } from "./start.tsx";
import { Wordmark } from "./ticket.tsx";

function invitedTo(): Invitation {
  return invitationIn(location.hash);
}

/** The room that an invitation names, or "". */
function roomOf(invitation: Invitation): string {
  return invitation.kind === "room" ? invitation.roomId : "";
}

/** The fragment that an invitation is made of, in its canonical form. */
function hashOf(invitation: Invitation): string {
  const invite = invitation.kind === "room" && invitation.invite !== "" ? `?invite=${invitation.invite}` : "";
  return roomOf(invitation) + invite;
}

/** Makes the address the invite link, without a new entry in the history. */
function setHash(fragment: string): void {
  history.replaceState(null, "", fragment === "" ? location.pathname : `#${fragment}`);
}

/** Reports whether this tab keeps a seat and was not opened for another room. */
function isReturnTo(invitation: Invitation): boolean {
  const room = keptRoom();
  return room !== "" && (invitation.kind === "none" || roomOf(invitation) === room);
}

/**
 * When one screen replaces another, the focused element is gone, so the new heading takes the focus
 * and is read out.
 */
function useHeadingFocus(screen: string): void {
  const before = useRef(screen);
  useEffect(() => {
    if (before.current !== screen) {
      before.current = screen;
      document.querySelector("h1")?.focus();
    }
  }, [screen]);
}

/** The refusals after which a passcode is asked for. */
const passcodeCodes: ReadonlySet<string> = new Set(["PASSCODE_REQUIRED", "WRONG_PASSCODE", "TOO_MANY_ATTEMPTS"]);

interface Visit {
  session: Session;
  invitation: Invitation;
  isEntered: boolean;
  isBusy: boolean;
  isReturning: boolean;
  problem: string;
  /** The room of the invitation does not exist, as an attempt to join it showed. */
  isGone: boolean;
  /** The room needs a passcode, as an attempt to join it showed. */
  needsPasscode: boolean;
  enter: (entrance: Entrance, name: string, passcode: string) => void;
  /** Ends the seat, and goes to the start or to another room's entrance. */
  leave: (next: Invitation) => Promise<void>;
  /** Goes to the start, or to a room's entrance, without a seat. */
  begin: (next: Invitation) => void;
}

/** One tab's way in and out of rooms. */
function useVisit(): Visit {
  const [session, setSession] = useState(() => new Session());
  const [invitation, setInvitation] = useState(invitedTo);
  const [isEntered, setEntered] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [isReturning, setReturning] = useState(() => isReturnTo(invitation));
  const [problem, setProblem] = useState("");
  const [isGone, setGone] = useState(false);
  const [needsPasscode, setNeedsPasscode] = useState(false);
  /** Undefined while the viewer is on the way to another screen. */
  const current = useRef<Session | undefined>(session);
  /** Where the viewer goes once the room has been left; undefined while it is not being left. */
  const destination = useRef<Invitation | undefined>(undefined);
  useChanges(session.changes.listen);

  const begin = (next: Invitation): void => {
    session.close();
    const made = new Session();
    current.current = made;
    setSession(made);
    setEntered(false);
    setReturning(false);
    setBusy(false);
    if (next.kind !== "broken") {
      setHash(hashOf(next));
    }
    setInvitation(next);
    setProblem("");
    setGone(false);
    setNeedsPasscode(false);
  };
  const wait = async (seat: Promise<unknown>, target: Invitation): Promise<void> => {
    setBusy(true);
    try {
      const reply = await seat;
      if (current.current !== session) {
        return; // the viewer has left this screen meanwhile
      }
      if (reply !== undefined) {
        setEntered(true);
        setHash(session.client.room?.id ?? "");
      }
    } catch (error) {
      if (current.current !== session) {
        return;
      }
      const asksPasscode = error instanceof RoomError && passcodeCodes.has(error.code);
      begin(asksPasscode ? target : invitation); // a session that has ended cannot be used again
      setNeedsPasscode(asksPasscode);
      const isMissing = error instanceof RoomError && error.code === "ROOM_NOT_FOUND";
      setGone(isMissing);
      setProblem(error instanceof RoomError ? `${error.message}.` : "That did not work.");
    }
    setBusy(false);
    setReturning(false);
  };
  const enter = (entrance: Entrance, name: string, passcode: string): void => {
    setProblem("");
    if (entrance.kind === "create") {
      void wait(session.create(name, entrance.wishes), invitation);
    } else {
      const { roomId, invite } = entrance;
      void wait(session.join(entrance, name, passcode), { kind: "room", roomId, invite });
    }
  };
  const leave = async (next: Invitation): Promise<void> => {
    const isLeaving = destination.current !== undefined;
    destination.current = next;
    if (isLeaving) {
      return;
    }
    current.current = undefined;
    setEntered(false);
    setBusy(true);
    await session.client.leave();
    const target = destination.current;
    destination.current = undefined;
    begin(target);
  };
  useEffect(() => {
    if (invitation.kind === "room") {
      setHash(hashOf(invitation)); // without the text that was pasted along with it
    }
    if (isReturning) {
      void wait(session.client.resume(), { kind: "room", roomId: keptRoom(), invite: "" });
    }
  }, []);
  // In the same turn as the screen: a link that is followed at once must not meet the screen
  // before.
  useLayoutEffect(() => {
    const onHash = (): void => {
      const next = invitedTo();
      const here = isEntered ? (session.client.room?.id ?? "") : roomOf(invitation);
      if (destination.current !== undefined) {
        destination.current = next;
      } else if (next.kind === "room" && next.roomId === here && (isEntered || next.invite === "")) {
        setHash(isEntered ? here : hashOf(invitation));
      } else if (isEntered && next.kind === "broken") {
        setHash(here);
        session.say("That link is broken: it names no room.");
      } else if (isEntered || isBusy) {
        void leave(next);
      } else {
        begin(next);
      }
    };
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  });
  return { session, invitation, isEntered, isBusy, isReturning, problem, isGone, needsPasscode, enter, leave, begin };
}

function Page(): JSX.Element {
  const visit = useVisit();
  const { session, invitation, isEntered, isBusy, isReturning, problem, isGone, needsPasscode, enter } = visit;
  const { status, room, userId } = session.client;
  const isKnocking = !isEntered && session.isKnocking;
  useHeadingFocus(isKnocking ? "knocking" : !isEntered ? "start" : status.state === "ended" ? "end" : "room");
  document.title = isEntered && room !== undefined ? `${room.name} · usher` : "usher";
  let content: JSX.Element;
  if (isEntered && status.state === "ended") {
    content = <Ended error={status.error} again={() => visit.begin(invitedTo())} start={() => visit.begin({ kind: "none" })} />;
  } else if (isEntered && room !== undefined) {
    content = <Room session={session} leave={() => void visit.leave({ kind: "none" })} />;
  } else if (isKnocking) {
    content = <Knocking position={status.state === "knocking" ? status.position : 0} cancel={() => void visit.leave(invitation)} />;
  } else if (isReturning) {
    content = <Returning isWaiting={status.state === "waiting"} start={() => void visit.leave({ kind: "none" })} />;
  } else {
    content = (
      <Start
        key={invitation.kind + roomOf(invitation)}
        invitation={invitation}
        isBusy={isBusy}
        problem={problem}
        isGone={isGone}
        needsPasscode={needsPasscode}
        enter={enter}
      />
    );
  }
  return (
    <main data-status={status.state} data-user={userId}>
      {content}
    </main>
  );
}

/** After a reload, until the seat is back. */
function Returning({ isWaiting, start }: { isWaiting: boolean; start: () => void }): JSX.Element {
  return (
    <div class="lobby">
      <Wordmark />
      <p role="status">{isWaiting ? "Reconnecting… The server does not answer. Your seat is kept for a while." : "Showing you to your seat…"}</p>
      {isWaiting && (
        <button type="button" onClick={start}>
          Back to the start
        </button>
      )}
    </div>
  );
}

render(<Page />, document.getElementById("page") as HTMLElement);
