// A ticket in the light of the torch: what people read who are in no room.

import type { ComponentChildren, JSX } from "preact";

import { Torch } from "./icons.tsx";

export function Wordmark(): JSX.Element {
  return (
    <p class="wordmark">
      <Torch />
      <span>usher</span>
    </p>
  );
}

interface TicketProps {
  /** What is printed above the heading. */
  kind: string;
  /** It has come without the viewer's doing, and is read out. */
  isAlert?: boolean;
  /** The heading first, which takes the focus. */
  children: ComponentChildren;
}

/** A whole screen with one ticket, which has no stub. */
export function Ticket({ kind, isAlert = false, children }: TicketProps): JSX.Element {
  return (
    <div class="lobby">
      <Wordmark />
      <div class="ticket-shadow">
        <div class="ticket single">
          <div class="ticket-body" role={isAlert ? "alert" : undefined}>
            <p class="ticket-kind" aria-hidden="true">
              {kind}
            </p>
            {children}
          </div>
        </div>
      </div>
    </div>
  );
}
