// What the host and cohosts may do to people, and whom they have banned.

import { roleOf } from "@usher/client";
import { maxReasonUnits, type User } from "@usher/types";
import { useRef } from "preact/hooks";
import type { JSX } from "preact";

import type { Session } from "./session.ts";

const roles = [
  { role: "COHOST", label: "Cohost: controls the film, too" },
  { role: "GUEST", label: "Guest" },
  { role: "VIEWER", label: "Viewer: only watches" },
] as const;

export function Manage({ user, session }: { user: User; session: Session }): JSX.Element {
  const { client } = session;
  const name = session.names.called(user.id);
  const isSeated = client.status.state === "seated";
  const reason = useRef<HTMLInputElement>(null);
  const remove = (ban: boolean): void => void session.remove(user.id, ban, reason.current?.value.trim() ?? "");
  return (
    <details class="manage">
      <summary>Manage {name}</summary>
      {session.isHost && <RoleChoice user={user} session={session} />}
      <label class="field">
        <span>Reason, shown to {name}</span>
        <input ref={reason} type="text" maxLength={maxReasonUnits} autocomplete="off" />
      </label>
      <div class="row">
        <button class="small" type="button" disabled={!isSeated} onClick={() => remove(false)}>
          Remove {name}
        </button>
        <button class="small" type="button" disabled={!isSeated} onClick={() => remove(true)}>
          Ban {name}
        </button>
      </div>
    </details>
  );
}

function RoleChoice({ user, session }: { user: User; session: Session }): JSX.Element {
  const { client } = session;
  const role = client.room === undefined ? "GUEST" : roleOf(client.room, user.id);
  return (
    <div class="inline-field">
      <label for={`role-${user.id}`}>Role</label>
      <select
        id={`role-${user.id}`}
        disabled={client.status.state !== "seated"}
        value={role}
        onChange={(event) => {
          const { value } = event.currentTarget;
          event.currentTarget.value = role; // until the server confirms it
          const wanted = roles.find((known) => known.role === value);
          if (wanted !== undefined) {
            void session.attempt(client.setRole(user.id, wanted.role));
          }
        }}
      >
        {roles.map(({ role: value, label }) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </div>
  );
}

/** The banned people, for those who may lift a ban; requested when it is opened. */
export function Banned({ session }: { session: Session }): JSX.Element {
  const { bans } = session;
  return (
    <details class="manage banned" onToggle={(event) => event.currentTarget.open && void session.askForBans()}>
      <summary>Banned</summary>
      {bans.length === 0 ? (
        <p class="hint">Nobody is banned.</p>
      ) : (
        <ul aria-label="Banned">
          {bans.map(({ userId, userName }) => (
            <li key={userId} class="row">
              <span class="name">{userName}</span>
              <button class="small" type="button" onClick={() => void session.unban(userId)}>
                Let {userName} in again
              </button>
            </li>
          ))}
        </ul>
      )}
    </details>
  );
}
