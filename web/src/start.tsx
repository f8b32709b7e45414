// Before the room: a ticket to open one, and its stub to join one.

import { inviteIn, roomIdIn } from "@usher/client";
import { useRef, useState } from "preact/hooks";
import type { ComponentChildren, JSX } from "preact";
import { maxPasscodeLength, minPasscodeLength, type RoomSummary } from "@usher/types";

import { isRefusal, useRoom, type Found } from "./found.ts";
import { rememberedName } from "./memory.ts";
import type { Invitation } from "./party.ts";
import type { Wishes } from "./session.ts";
import { Wordmark } from "./ticket.tsx";

export type Entrance = { kind: "create"; wishes: Wishes } | { kind: "join"; roomId: string; invite: string; orCreate: boolean };

interface StartProps {
  /** The invitation that opened the page. */
  invitation: Invitation;
  isBusy: boolean;
  problem: string;
  /** The room does not exist, as an attempt to join it showed. */
  isGone: boolean;
  /** The room needs a passcode, as an attempt to join it showed. */
  needsPasscode: boolean;
  enter: (entrance: Entrance, name: string, passcode: string) => void;
}

export function Start({ invitation, isBusy, problem, isGone, needsPasscode, enter }: StartProps): JSX.Element {
  const [name, setName] = useState(rememberedName);
  const [wishes, setWishes] = useState<Wishes>({ isKept: false, isRelayed: false });
  const [complaint, setComplaint] = useState("");
  // What was wrong is told beside the button that was pressed.
  const [isByCode, setByCode] = useState(false);
  const problemOfStub = isByCode && invitation.kind !== "room" ? problem : "";
  const nameField = useRef<HTMLInputElement>(null);
  const passcodeField = useRef<HTMLInputElement>(null);
  const found = useRoom(invitation.kind === "room" ? invitation.roomId : "", invitation.kind === "room" ? invitation.invite : "");
  const isEmpty = found === "none" || isGone;
  const enterAs = (entrance: Entrance): void => {
    const trimmed = name.trim();
    const passcode = passcodeField.current?.value ?? "";
    const isShort = needsPasscode && [...passcode].length < minPasscodeLength;
    setComplaint(trimmed === "" ? "Enter a name for the others to see." : isShort ? "Enter the room’s passcode." : "");
    if (trimmed === "") {
      nameField.current?.focus();
    } else if (isShort) {
      passcodeField.current?.focus();
    } else {
      enter(entrance, trimmed, passcode);
    }
  };
  // Whoever opens a room is its host, so a room that an invitation names is opened only if the
  // viewer asks for that.
  const submit = (): void => {
    if (invitation.kind === "none") {
      enterAs({ kind: "create", wishes });
    } else if (invitation.kind === "room") {
      enterAs({ kind: "join", roomId: invitation.roomId, invite: invitation.invite, orCreate: isEmpty });
    }
  };
  const enterByCode = (entrance: Entrance): void => {
    setByCode(true);
    enterAs(entrance);
  };
  const stub = <Stub isBusy={isBusy} problem={problemOfStub} enterAs={enterByCode} title={invitation.kind === "broken" ? "Join by code" : "Or join one"} />;
  return (
    <div class="lobby">
      <header class="marquee">
        <Wordmark />
        <p class="lead">Watch a film together, each at home, everybody at the same second.</p>
      </header>
      <div class="ticket-shadow">
        <div class="ticket">
          <form
            class="ticket-body"
            onSubmit={(event) => {
              event.preventDefault();
              setByCode(false);
              submit();
            }}
          >
            <Heading invitation={invitation} room={found} isEmpty={isEmpty} />
            <label class="field">
              <span>Your name</span>
              <input
                ref={nameField}
                type="text"
                name="name"
                value={name}
                maxLength={20}
                autocomplete="nickname"
                spellcheck={false}
                aria-describedby="complaint"
                onInput={(event) => setName(event.currentTarget.value)}
              />
            </label>
            {invitation.kind === "none" && <Wanted wishes={wishes} wish={(more) => setWishes({ ...wishes, ...more })} />}
            {needsPasscode && (
              <label class="field">
                <span>Passcode</span>
                <input
                  ref={passcodeField}
                  type="password"
                  name="passcode"
                  maxLength={maxPasscodeLength}
                  autocomplete="off"
                  autofocus
                  aria-describedby="complaint"
                />
              </label>
            )}
            {invitation.kind !== "broken" && !isRefusal(found) && (
              <button class="primary" type="submit" disabled={isBusy}>
                {invitation.kind === "none" ? "Create a room" : isEmpty ? "Open the room again" : "Join the room"}
              </button>
            )}
            <p id="complaint" class="complaint" role="alert">
              {complaint || (problemOfStub === "" ? problem : "")}
            </p>
          </form>
          {invitation.kind === "none" && stub}
          {invitation.kind === "broken" && (
            <div class="ticket-stub other">
              {stub}
              <Own />
            </div>
          )}
          {invitation.kind === "room" && (
            <div class="ticket-stub other">
              <span class="barcode" aria-hidden="true" />
              <Own />
            </div>
          )}
        </div>
      </div>
      <Promises />
    </div>
  );
}

/** What the room is to be like that is about to be made. */
function Wanted({ wishes, wish }: { wishes: Wishes; wish: (more: Partial<Wishes>) => void }): JSX.Element {
  return (
    <div class="checks">
      <label class="check">
        <input type="checkbox" name="keep" checked={wishes.isKept} onChange={(event) => wish({ isKept: event.currentTarget.checked })} />
        <span>Keep this room when everybody has left</span>
      </label>
      <label class="check">
        <input
          type="checkbox"
          name="relay"
          checked={wishes.isRelayed}
          aria-describedby="relay-words"
          onChange={(event) => wish({ isRelayed: event.currentTarget.checked })}
        />
        <span>Hide everybody’s network address from the others</span>
      </label>
      <p id="relay-words" class="hint" hidden={!wishes.isRelayed}>
        Then nothing goes straight from browser to browser: all of it passes the server or a relay. You cannot change this later.
      </p>
    </div>
  );
}

function Own(): JSX.Element {
  return <a href="#">Open a room of your own</a>;
}

interface StubProps {
  isBusy: boolean;
  problem: string;
  enterAs: (entrance: Entrance) => void;
  title: string;
}

function Stub({ isBusy, problem, enterAs, title }: StubProps): JSX.Element {
  const [text, setText] = useState("");
  const [complaint, setComplaint] = useState("");
  return (
    <form
      class="ticket-stub"
      onSubmit={(event) => {
        event.preventDefault();
        const roomId = roomIdIn(text);
        setComplaint(roomId === "" ? "That is neither a complete invite link nor a room code." : "");
        if (roomId !== "") {
          enterAs({ kind: "join", roomId, invite: inviteIn(text), orCreate: false });
        }
      }}
    >
      <h2>{title}</h2>
      <label class="field">
        <span>Invite link or room code</span>
        <input
          type="text"
          name="invite"
          value={text}
          autocomplete="off"
          spellcheck={false}
          aria-describedby="no-invite"
          onInput={(event) => setText(event.currentTarget.value)}
        />
      </label>
      <button type="submit" disabled={isBusy}>
        Join
      </button>
      <p id="no-invite" class="complaint" role="alert">
        {complaint || problem}
      </p>
    </form>
  );
}

interface HeadingProps {
  invitation: Invitation;
  room: Found | undefined;
  isEmpty: boolean;
}

function Heading({ invitation, room, isEmpty }: HeadingProps): JSX.Element {
  if (invitation.kind === "none") {
    return <Words kind="Admit one" title="Open a room" />;
  }
  if (invitation.kind === "broken") {
    return (
      <Words kind="Torn" title="This link is broken">
        Part of it is missing, so it names no room. Ask for the link again, or paste the room’s code.
      </Words>
    );
  }
  if (isRefusal(room)) {
    return (
      <Words kind="Not tonight" title={room.title}>
        {room.words}
      </Words>
    );
  }
  if (isEmpty) {
    return (
      <Words kind="Admit one" title="Nobody is in this room">
        Everybody may have left, or the link was damaged on its way to you. If somebody is waiting for you, ask for the link again. If you open the room, you
        are its host.
      </Words>
    );
  }
  if (room === undefined || room === "none") {
    return (
      <Words kind="Admit one" title="You are invited">
        Somebody wants to watch a film with you.
      </Words>
    );
  }
  const waiting = room.people === 1 ? "1 person is waiting for you." : `${room.people} people are waiting for you.`;
  return (
    <Words kind="Admit one" title={room.name}>
      {room.people === 0 ? "Nobody is here now." : waiting} {atTheDoor(room)}
    </Words>
  );
}

/** What awaits a newcomer at the room's door. */
function atTheDoor({ entry, hasPasscode, people }: RoomSummary): string {
  if (entry === "LOCKED") {
    return "The door is locked: only those who have a seat may return.";
  }
  const passcode = hasPasscode ? "You need the passcode. " : "";
  if (entry === "KNOCK") {
    return `${passcode}You knock, and wait until somebody lets you in.`;
  }
  return passcode || (people === 0 ? "Come in, and the others will find you." : "");
}

function Words({ kind, title, children }: { kind: string; title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <>
      <p class="ticket-kind" aria-hidden="true">
        {kind}
      </p>
      <h1 tabIndex={-1}>{title}</h1>
      {children !== undefined && <p class="hint">{children}</p>}
    </>
  );
}

function Promises(): JSX.Element {
  return (
    <ul class="promises">
      <li>
        <b>No account.</b> A name is enough, and a link to share.
      </li>
      <li>
        <b>From browser to browser.</b> The server introduces you, then steps aside.
      </li>
      <li>
        <b>Nothing hidden.</b> See every message that is sent, as it is sent.
      </li>
    </ul>
  );
}
