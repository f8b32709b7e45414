// The door of the room: who stands before it, and what the host makes of it.

import { maxPasscodeLength, minPasscodeLength, type Entry } from "@usher/types";
import { useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { Drawing } from "./icons.tsx";
import type { Session } from "./session.ts";

/** Those who wait to be let in, for the host and the cohosts. */
export function AtTheDoor({ session }: { session: Session }): JSX.Element | null {
  const { client } = session;
  const isSeated = client.status.state === "seated";
  if (client.knocks.length === 0) {
    return null;
  }
  return (
    <section class="at-the-door">
      <h3 id="knocks-title">
        <Drawing name="knock" />
        At the door
      </h3>
      <ul aria-labelledby="knocks-title">
        {client.knocks.map(({ userId, userName }) => (
          <li key={userId} class="knock">
            <span class="name">{userName}</span>
            <span class="row">
              <button
                class="small primary"
                type="button"
                aria-label={`Let ${userName} in`}
                disabled={!isSeated}
                onClick={() => void session.attempt(client.admit(userId))}
              >
                Let in
              </button>
              <button
                class="small"
                type="button"
                aria-label={`Turn ${userName} away`}
                disabled={!isSeated}
                onClick={() => void session.attempt(client.deny(userId))}
              >
                Turn away
              </button>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

const entries: readonly { entry: Entry; label: string; words: string }[] = [
  { entry: "OPEN", label: "Open", words: "Whoever has the link walks in." },
  { entry: "KNOCK", label: "Knock", words: "Newcomers wait until somebody lets them in." },
  { entry: "LOCKED", label: "Locked", words: "Nobody new can come in. Whoever has a seat may return." },
];

export function DoorCard({ session }: { session: Session }): JSX.Element | null {
  const { client } = session;
  const door = client.room?.door;
  if (door === undefined) {
    return null; // an older server
  }
  const isOpen = session.isHost && client.status.state === "seated";
  return (
    <section class="card controls-card door-card">
      <h2 id="door-title">The door</h2>
      <div class="choices" role="radiogroup" aria-labelledby="door-title" aria-describedby="door-words">
        {entries.map(({ entry, label }) => (
          <label key={entry} class="choice">
            <input
              type="radio"
              name="entry"
              checked={door.entry === entry}
              disabled={!isOpen}
              onChange={() => void session.attempt(client.setDoor({ entry })).then(() => session.changes.tell())}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
      <p id="door-words" class="hint">
        {entries.find(({ entry }) => entry === door.entry)?.words}
        {door.hasPasscode && door.entry !== "LOCKED" && " Newcomers need the passcode."}
      </p>
      {session.isHost && <Passcode session={session} hasPasscode={door.hasPasscode} isOpen={isOpen} />}
    </section>
  );
}

/** Sets, changes or removes the passcode, which the server does not tell even the host. */
function Passcode({ session, hasPasscode, isOpen }: { session: Session; hasPasscode: boolean; isOpen: boolean }): JSX.Element {
  const { client } = session;
  const field = useRef<HTMLInputElement>(null);
  const [complaint, setComplaint] = useState("");
  const set = async (): Promise<void> => {
    const passcode = field.current?.value ?? "";
    const isShort = [...passcode].length < minPasscodeLength;
    setComplaint(isShort ? `At least ${minPasscodeLength} characters, please.` : "");
    if (!isShort && (await session.attempt(client.setDoor({ passcode }))) && field.current !== null) {
      field.current.value = "";
    }
  };
  return (
    <form
      class="passcode"
      onSubmit={(event) => {
        event.preventDefault();
        void set();
      }}
    >
      <label class="field">
        <span>{hasPasscode ? "New passcode" : "Passcode for newcomers"}</span>
        <input
          ref={field}
          type="text"
          name="new-passcode"
          maxLength={maxPasscodeLength}
          autocomplete="off"
          spellcheck={false}
          aria-describedby="passcode-complaint"
        />
      </label>
      <div class="row">
        <button class="small" type="submit" aria-label={hasPasscode ? "Change the passcode" : "Set a passcode"} disabled={!isOpen}>
          {hasPasscode ? "Change" : "Set a passcode"}
        </button>
        {hasPasscode && (
          <button
            class="small"
            type="button"
            aria-label="Remove the passcode"
            disabled={!isOpen}
            onClick={() => void session.attempt(client.setDoor({ passcode: null }))}
          >
            Remove
          </button>
        )}
      </div>
      <p id="passcode-complaint" class="complaint" role="alert">
        {complaint}
      </p>
    </form>
  );
}
