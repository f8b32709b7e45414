// What the host may do about somebody.

import { roleOf } from "@usher/client";
import type { User } from "@usher/types";
import type { JSX } from "preact";

import type { Session } from "./session.ts";

const roles = [
  { role: "COHOST", label: "Cohost: controls the film, too" },
  { role: "GUEST", label: "Guest" },
  { role: "VIEWER", label: "Viewer: only watches" },
] as const;

export function Manage({ user, session }: { user: User; session: Session }): JSX.Element {
  const { client } = session;
  const isSeated = client.status.state === "seated";
  const role = client.room === undefined ? "GUEST" : roleOf(client.room, user.id);
  return (
    <details class="manage">
      <summary>Manage {user.name}</summary>
      <div class="inline-field">
        <label for={`role-${user.id}`}>Role</label>
        <select
          id={`role-${user.id}`}
          disabled={!isSeated}
          value={role}
          onChange={(event) => {
            const { value } = event.currentTarget;
            event.currentTarget.value = role; // until the server has said so
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
    </details>
  );
}
