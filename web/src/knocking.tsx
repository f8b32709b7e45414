import type { JSX } from "preact";

import { Drawing } from "./icons.tsx";
import { Ticket } from "./ticket.tsx";

interface KnockingProps {
  /** The place among those who knock; 0 while the connection is lost. */
  position: number;
  cancel: () => void;
}

/** Before a door where newcomers wait to be let in. */
export function Knocking({ position, cancel }: KnockingProps): JSX.Element {
  return (
    <Ticket kind="At the door">
      <span class="knuckles" aria-hidden="true">
        <Drawing name="knock" />
      </span>
      <h1 tabIndex={-1}>Waiting to be let in</h1>
      <p role="status">{wordsAt(position)}</p>
      <p class="hint">Stay on this page. If it is reloaded, you keep your place.</p>
      <div class="row">
        <button type="button" onClick={cancel}>
          Stop waiting
        </button>
      </div>
    </Ticket>
  );
}

function wordsAt(position: number): string {
  switch (position) {
    case 0:
      return "Reconnecting… Your place at the door is kept.";
    case 1:
      return "The host knows that you are here.";
    default:
      return `The host knows that you are here. ${position - 1} ${position === 2 ? "person is" : "people are"} ahead of you.`;
  }
}
