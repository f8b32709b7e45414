// The list of rooms: a page at a time, found by id or name. Only the page in view is read again.

import { useState } from "preact/hooks";
import type { JSX } from "preact";

import { read, type RoomPage } from "./api.ts";
import { usePolled } from "./poll.ts";
import { agoText, numberText } from "./words.ts";

const pageSize = 25;

export function Rooms({ open, opened }: { open: (roomId: string) => void; opened: string }): JSX.Element {
  const [text, setText] = useState("");
  /** The cursors of the pages up to the one in view. */
  const [cursors, setCursors] = useState<string[]>([""]);
  const query = new URLSearchParams({ limit: `${pageSize}`, q: text.trim(), cursor: cursors.at(-1) ?? "" }).toString();
  const { value, error } = usePolled(query, (signal) => read<RoomPage>(`/rooms?${query}`, signal));
  const next = value?.cursor;
  return (
    <section aria-labelledby="rooms">
      <h2 id="rooms">Rooms{value === undefined ? "" : ` (${numberText(value.total)})`}</h2>
      <label class="field">
        <span>Find a room by id or name</span>
        <input
          type="text"
          value={text}
          maxLength={64}
          onInput={({ currentTarget }) => {
            setText(currentTarget.value);
            setCursors([""]);
          }}
        />
      </label>
      {error === undefined ? null : <p class="complaint">{error.message}.</p>}
      <section class="scrolls" tabIndex={0} aria-labelledby="rooms">
        <table>
          <thead>
            <tr>
              <th scope="col">Room</th>
              <th scope="col">People</th>
              <th scope="col">Door</th>
              <th scope="col">Age</th>
            </tr>
          </thead>
          <tbody>
            {value?.rooms.map(({ roomId, roomName, people, connected, entry, createdAt }) => (
              <tr key={roomId} class={roomId === opened ? "opened" : ""}>
                <td>
                  <button type="button" class="link" aria-current={roomId === opened} onClick={() => open(roomId)}>
                    {roomName}
                  </button>
                  <code>{roomId}</code>
                </td>
                <td>
                  {people}
                  {connected === people ? "" : ` (${people - connected} away)`}
                </td>
                <td>{entry.toLowerCase()}</td>
                <td>{agoText(createdAt, Date.now())}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {value?.rooms.length === 0 ? <p class="hint">No room{text === "" ? "" : " has that in its id or name"}.</p> : null}
      <nav class="row" aria-label="Pages of rooms">
        <button type="button" class="small" disabled={cursors.length < 2} onClick={() => setCursors(cursors.slice(0, -1))}>
          Back
        </button>
        <button type="button" class="small" disabled={next === undefined} onClick={() => next !== undefined && setCursors([...cursors, next])}>
          Next
        </button>
      </nav>
    </section>
  );
}
