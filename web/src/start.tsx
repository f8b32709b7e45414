// Before the room: a ticket to open one, and its stub to join one.

import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";
import type { RoomSummary } from "@usher/types";

import { Torch } from "./icons.tsx";
import { roomIdIn } from "./party.ts";
import { rememberedName } from "./session.ts";

export type Entrance = { kind: "create" } | { kind: "join"; roomId: string; orCreate: boolean };

interface StartProps {
  /** The room of the invite link that the page was opened by, or "". */
  invitedTo: string;
  isBusy: boolean;
  problem: string;
  enter: (entrance: Entrance, name: string) => void;
}

export function Start(props: StartProps): JSX.Element {
  const { invitedTo, isBusy, problem, enter } = props;
  const [name, setName] = useState(rememberedName);
  const [complaint, setComplaint] = useState("");
  const nameField = useRef<HTMLInputElement>(null);
  const enterAs = (entrance: Entrance): void => {
    const trimmed = name.trim();
    setComplaint(trimmed === "" ? "Please say what the others shall call you." : "");
    if (trimmed === "") {
      nameField.current?.focus();
    } else {
      enter(entrance, trimmed);
    }
  };
  return (
    <div class="lobby">
      <header class="marquee">
        <p class="wordmark"><Torch /><span>usher</span></p>
        <p class="lead">Watch a film together, each at home, everybody at the same second.</p>
      </header>
      <div class="ticket-shadow">
        <div class="ticket">
          <form
            class="ticket-body"
            onSubmit={(event) => {
              event.preventDefault();
              enterAs(invitedTo === "" ? { kind: "create" } : { kind: "join", roomId: invitedTo, orCreate: true });
            }}
          >
            <p class="ticket-kind" aria-hidden="true">Admit one</p>
            {invitedTo === "" ? <h1 tabIndex={-1}>Open a room</h1> : <Invitation roomId={invitedTo} />}
            <label class="field">
              <span>Your name</span>
              <input ref={nameField} type="text" name="name" value={name} maxLength={20} autocomplete="nickname" spellcheck={false} aria-describedby="complaint" onInput={(event) => setName(event.currentTarget.value)} />
            </label>
            <button class="primary" type="submit" disabled={isBusy}>{invitedTo === "" ? "Create a room" : "Join the room"}</button>
            <p id="complaint" class="complaint" role="alert">{complaint || problem}</p>
          </form>
          {invitedTo === "" ? <Stub isBusy={isBusy} enterAs={enterAs} /> : (
            <div class="ticket-stub other">
              <Barcode />
              <a href="#">Open a room of your own</a>
            </div>
          )}
        </div>
      </div>
      <Promises />
    </div>
  );
}

function Stub({ isBusy, enterAs }: { isBusy: boolean; enterAs: (entrance: Entrance) => void }): JSX.Element {
  const [text, setText] = useState("");
  const [complaint, setComplaint] = useState("");
  return (
    <form
      class="ticket-stub"
      onSubmit={(event) => {
        event.preventDefault();
        const roomId = roomIdIn(text);
        setComplaint(roomId === "" ? "That is no invite link and no room code." : "");
        if (roomId !== "") {
          enterAs({ kind: "join", roomId, orCreate: false });
        }
      }}
    >
      <h2>Or join one</h2>
      <label class="field">
        <span>Invite link or room code</span>
        <input type="text" name="invite" value={text} autocomplete="off" spellcheck={false} aria-describedby="no-invite" onInput={(event) => setText(event.currentTarget.value)} />
      </label>
      <button type="submit" disabled={isBusy}>Join</button>
      <p id="no-invite" class="complaint" role="alert">{complaint}</p>
    </form>
  );
}

/** What a ticket has and nobody reads. */
function Barcode(): JSX.Element {
  return <span class="barcode" aria-hidden="true" />;
}

/** What the server tells somebody with an invitation. */
function Invitation({ roomId }: { roomId: string }): JSX.Element {
  const [room, setRoom] = useState<RoomSummary | "none" | undefined>();
  useEffect(() => {
    let isCurrent = true;
    fetch(`rooms/${roomId}`)
      .then(async (answer) => (answer.ok ? ((await answer.json()) as RoomSummary) : answer.status === 404 ? "none" : undefined))
      .then((found) => isCurrent && setRoom(found))
      .catch(() => undefined); // joining will tell
    return () => {
      isCurrent = false;
    };
  }, [roomId]);
  const isKnown = room !== undefined && room !== "none";
  return (
    <>
      <h1 tabIndex={-1}>{isKnown ? room.name : "You are invited"}</h1>
      <p class="hint">
        {isKnown && `${room.people} ${room.people === 1 ? "person is" : "people are"} waiting for you.`}
        {room === "none" && "Nobody is in this room now. It opens again when you join."}
        {room === undefined && "Somebody wants to watch a film with you."}
      </p>
    </>
  );
}

function Promises(): JSX.Element {
  return (
    <ul class="promises">
      <li><b>No account.</b> A name is enough, and a link to share.</li>
      <li><b>From browser to browser.</b> The server introduces you, then steps aside.</li>
      <li><b>Nothing hidden.</b> See every message that is sent, as it is sent.</li>
    </ul>
  );
}
