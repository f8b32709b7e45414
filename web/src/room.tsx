import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { RoomError, Status } from "@usher/client";

import { DoorCard } from "./door.tsx";
import { Film } from "./film.tsx";
import { useChanges } from "./hooks.ts";
import { Drawing } from "./icons.tsx";
import { Invite } from "./invite.tsx";
import { People, WhoControls } from "./people.tsx";
import { Rename } from "./rename.tsx";
import type { Session } from "./session.ts";
import { Signaling } from "./signaling.tsx";
import { Ticket, Wordmark } from "./ticket.tsx";

export function Room({ session, leave }: { session: Session; leave: () => void }): JSX.Element {
  useChanges(session.changes.listen);
  const { status } = session.client;
  return (
    <div class={`room ${status.state}`}>
      <RoomHeader session={session} leave={leave} />
      <p class="status" role="status">
        {statusWords(status) || session.notice}
      </p>
      <Film session={session} />
      <People session={session} />
      <div class="rules">
        <WhoControls session={session} />
        <DoorCard session={session} />
      </div>
      <Signaling session={session} />
    </div>
  );
}

function RoomHeader({ session, leave }: { session: Session; leave: () => void }): JSX.Element {
  const { client } = session;
  const [isRenaming, setRenaming] = useState(false);
  const name = client.room?.name ?? "";
  return (
    <header class="room-header">
      <Wordmark />
      <div class="room-name">
        {isRenaming ? (
          <Rename
            label="New name of the room"
            value={name}
            maxLength={30}
            save={(newName) => session.attempt(client.renameRoom(newName))}
            done={() => setRenaming(false)}
          />
        ) : (
          <h1 tabIndex={-1}>{name}</h1>
        )}
        {session.isHost && !isRenaming && (
          <button class="quiet" type="button" aria-label="Rename the room" title="Rename the room" onClick={() => setRenaming(true)}>
            <Drawing name="pen" />
          </button>
        )}
      </div>
      <Invite link={session.inviteLink} />
      <button type="button" onClick={leave}>
        <Drawing name="leave" />
        Leave
      </button>
    </header>
  );
}

/** The text about a missing connection, "" if the connection exists. */
function statusWords(status: Status): string {
  switch (status.state) {
    case "seated":
    case "idle":
    case "knocking":
    case "ended":
      return "";
    case "connecting":
      return "Reconnecting…";
    case "waiting":
      return status.attempt > 2
        ? "Reconnecting… The server does not answer. Your seat is kept for a while, and the film goes on."
        : "Reconnecting… Your seat is kept.";
    default:
      return status satisfies never;
  }
}

interface Ending {
  title: string;
  words: string;
  again: string;
}

/** The host's reason, if any, to end a sentence with. */
function because({ details = "" }: RoomError): string {
  return details === "" ? "" : `: “${details}”`;
}

function endingOf(error: RoomError | undefined): Ending {
  switch (error?.code) {
    case "SEAT_RESUMED_ELSEWHERE":
      return {
        title: "Your seat is taken elsewhere",
        words: "You opened this room in another tab or on another device, and your seat moved there.",
        again: "Take another seat here",
      };
    case "USER_ID_TAKEN":
    case "INVALID_RESUME_TOKEN":
      return { title: "Your seat is gone", words: "It has ended, or somebody else has it. You can take a new one.", again: "Take a new seat" };
    case "ROOM_ENDED":
      return { title: "The room has ended", words: "Nothing happened in it for too long. Its invite link opens it again.", again: "Open it again" };
    case "ROOM_CLOSED":
      return { title: "The room was closed", words: `The server’s operator has closed it${because(error)}.`, again: "Go to the entrance" };
    case "KICKED":
      return { title: "You were removed", words: `The host has removed you from the room${because(error)}.`, again: "Go to the entrance" };
    case "BANNED":
      return { title: "You are banned", words: `The host has banned you from the room${because(error)}.`, again: "Try again" };
    case "ROOM_LOCKED":
      return { title: "The room is locked", words: "Your seat has ended, and the host lets nobody new in.", again: "Try again" };
    case "PASSCODE_REQUIRED":
      return { title: "Your seat is gone", words: "It has ended. A new one needs the passcode.", again: "Take a new seat" };
    case "ADMISSION_DENIED":
    case "KNOCK_EXPIRED":
      return { title: "You were not let in", words: "Your seat has ended, and nobody has let you in again.", again: "Try again" };
    case "ROOM_FULL":
      return { title: "The room is full", words: "Every seat is taken. Try again when somebody has left.", again: "Try again" };
    default:
      return { title: "The connection has ended", words: `${error?.message ?? "The server closed it"}.`, again: "Try again" };
  }
}

/** After the room: what has happened, and what to do. */
export function Ended({ error, again, start }: { error: RoomError | undefined; again: () => void; start: () => void }): JSX.Element {
  const ending = endingOf(error);
  return (
    <Ticket kind="Intermission" isAlert>
      <h1 tabIndex={-1}>{ending.title}</h1>
      <p>{ending.words}</p>
      <div class="row">
        <button class="primary" type="button" onClick={again}>
          {ending.again}
        </button>
        <button type="button" onClick={start}>
          Back to the start
        </button>
      </div>
    </Ticket>
  );
}
