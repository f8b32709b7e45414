// One room: its people, what may be done to it, and its signaling while somebody watches.

import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { change, listen, read, roomPath, Refused, type RoomView, type SignalView } from "./api.ts";
import { Confirm } from "./confirm.tsx";
import { usePolled } from "./poll.ts";
import { agoText, bytesText } from "./words.ts";

/** How many messages of the room are shown. */
const maxSignals = 200;

export function RoomDetail({ roomId, close, say }: { roomId: string; close: () => void; say: (words: string) => void }): JSX.Element {
  const { value: room, error, again } = usePolled(roomId, (signal) => read<RoomView>(roomPath(roomId), signal));
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), [roomId]);
  const act = async (words: string, method: string, path: string, body?: unknown): Promise<void> => {
    try {
      await change(method, roomPath(roomId) + path, body);
      say(words);
    } catch (failed) {
      say(`${failed instanceof Refused ? failed.message : String(failed)}.`);
    }
    again();
  };
  return (
    <section class="room" aria-labelledby="room">
      <div class="row between">
        <h2 id="room" tabIndex={-1} ref={heading}>
          {room?.roomName ?? roomId}
        </h2>
        <button type="button" class="small" onClick={close}>
          Close this view
        </button>
      </div>
      {error === undefined ? null : <p class="complaint">{error.message}.</p>}
      {room === undefined ? null : (
        <>
          <p class="hint">
            <code>{roomId}</code> · {room.controlMode === "HOST_ONLY" ? "the host controls" : "everybody controls"} · door {room.entry.toLowerCase()}
            {room.hasPasscode ? ", passcode" : ""} · {room.people.length} of {room.maxPeople} seats · {room.connections} connections · {room.knocks} knocking ·
            active {agoText(room.activeAt, Date.now())} ago
          </p>
          <RoomActs room={room} act={act} />
          <People room={room} act={act} />
        </>
      )}
      <Signaling key={roomId} roomId={roomId} />
    </section>
  );
}

type Act = (words: string, method: string, path: string, body?: unknown) => Promise<void>;

function RoomActs({ room, act }: { room: RoomView; act: Act }): JSX.Element {
  const [text, setText] = useState("");
  const isLocked = room.entry === "LOCKED";
  return (
    <>
      <div class="row">
        <button
          type="button"
          class="small"
          onClick={() => void act(isLocked ? "The door is open." : "The door is locked.", "PATCH", "", { entry: isLocked ? "OPEN" : "LOCKED" })}
        >
          {isLocked ? "Open the door" : "Lock the door"}
        </button>
        <Confirm label="Close the room" question="End this room for everybody?" act={() => void act("The room is closed.", "DELETE", "")} />
      </div>
      <form
        class="row announce"
        onSubmit={(event) => {
          event.preventDefault();
          void act("Everybody sees it now.", "POST", "/announcements", { text }).then(() => setText(""));
        }}
      >
        <label class="field">
          <span>Show everybody in the room a text</span>
          <input type="text" value={text} maxLength={200} required onInput={({ currentTarget }) => setText(currentTarget.value)} />
        </label>
        <button type="submit" class="small">
          Say it
        </button>
      </form>
    </>
  );
}

function People({ room, act }: { room: RoomView; act: Act }): JSX.Element {
  return (
    <>
      <h3>People</h3>
      <ul class="people">
        {room.people.map(({ userId, userName, role, isConnected, isLegacy }) => (
          <li key={userId}>
            <span>
              <strong>{userName}</strong> <code>{userId}</code> · {role.toLowerCase()}
              {isConnected ? "" : " · away"}
              {isLegacy ? " · legacy client" : ""}
            </span>
            <span class="row">
              <Confirm
                label={`Kick ${userName}`}
                question={`Remove ${userName}?`}
                act={() => void act(`${userName} is removed.`, "DELETE", `/people/${encodeURIComponent(userId)}`)}
              />
              <Confirm
                label={`Ban ${userName}`}
                question={`Remove ${userName} and keep them out?`}
                act={() => void act(`${userName} is banned.`, "PUT", `/bans/${encodeURIComponent(userId)}`)}
              />
            </span>
          </li>
        ))}
      </ul>
      {room.bans.length === 0 ? null : <h3>Bans</h3>}
      <ul class="people">
        {room.bans.map(({ userId, userName }) => (
          <li key={userId}>
            <span>
              <strong>{userName}</strong> <code>{userId}</code>
            </span>
            <button type="button" class="small" onClick={() => void act(`The ban of ${userName} is lifted.`, "DELETE", `/bans/${encodeURIComponent(userId)}`)}>
              Lift the ban of {userName}
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function Signaling({ roomId }: { roomId: string }): JSX.Element {
  const [isWatching, setWatching] = useState(false);
  const [signals, setSignals] = useState<SignalView[]>([]);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    if (!isWatching) {
      return undefined;
    }
    const stop = new AbortController();
    const hear = (batch: SignalView[]): void => setSignals((before) => [...before, ...batch].slice(-maxSignals));
    listen(`${roomPath(roomId)}/signaling`, hear, stop.signal).then(
      () => setWatching(false),
      (error: unknown) => {
        if (!stop.signal.aborted) {
          setProblem(`${error instanceof Refused ? error.message : "The stream has broken"}.`);
          setWatching(false);
        }
      },
    );
    return () => stop.abort();
  }, [isWatching, roomId]);
  return (
    <>
      <h3 id="signaling">Signaling</h3>
      <p class="hint">Types and sizes. Nobody sees what is in a message.</p>
      <button type="button" class="small" aria-pressed={isWatching} onClick={() => setWatching(!isWatching)}>
        {isWatching ? "Stop watching" : "Watch"}
      </button>
      {problem === "" ? null : <p class="complaint">{problem}</p>}
      <ol class="signals scrolls" tabIndex={0} aria-labelledby="signaling">
        {signals.map((s, i) => (
          <li key={`${s.at}-${i}`}>
            {new Date(s.at).toLocaleTimeString()} {s.sent ? "→" : "←"} {s.userId === "" ? "?" : s.userId} <code>{s.type === "" ? "no message" : s.type}</code>{" "}
            {bytesText(s.bytes)}
            {s.lost === undefined ? "" : ` (${s.lost} before it are missing)`}
          </li>
        ))}
      </ol>
    </>
  );
}
