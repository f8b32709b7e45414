import { useState } from "preact/hooks";
import type { JSX } from "preact";
import type { ControlMode, User } from "@usher/types";

import { roleOf, type Role } from "@usher/client";

import { AtTheDoor } from "./door.tsx";
import { Drawing } from "./icons.tsx";
import { Banned, Manage } from "./manage.tsx";
import { Rename } from "./rename.tsx";
import type { Session } from "./session.ts";
import { reasonWords } from "./words.ts";

/** The number of colours that faces have. */
const tints = 6;

type Route = "self" | "direct" | "relayed" | "away";

const routeWords: Readonly<Record<Route, { word: string; meaning: string }>> = {
  self: { word: "You", meaning: "" },
  direct: { word: "Direct", meaning: "From your browser to theirs, without the server" },
  relayed: { word: "Relayed", meaning: "Through the server, because there is no direct connection" },
  away: { word: "Away", meaning: "The connection is lost, and the seat is kept for a while" },
};

const roleMarks = {
  HOST: { word: "Host", drawing: "host" },
  COHOST: { word: "Cohost", drawing: "host" },
  VIEWER: { word: "Viewer", drawing: "viewer" },
} as const satisfies Readonly<Partial<Record<Role, { word: string; drawing: string }>>>;

export function People({ session }: { session: Session }): JSX.Element {
  const { client } = session;
  const users = client.room?.users ?? [];
  return (
    <section class="card people">
      <h2 id="people-title">People</h2>
      <AtTheDoor session={session} />
      <ul aria-labelledby="people-title">
        {users.map((user, i) => (
          <Person key={user.id} user={user} tint={i % tints} session={session} />
        ))}
      </ul>
      {users.length === 1 && client.knocks.length === 0 && <p class="hint">You are alone so far. Invite somebody.</p>}
      {client.room?.iceTransportPolicy === "relay" && <p class="hint">Nobody here sees anybody else’s network address.</p>}
      {session.mayRemove("GUEST") && <Banned session={session} />}
    </section>
  );
}

function Person({ user, tint, session }: { user: User; tint: number; session: Session }): JSX.Element {
  const { client, mesh, names } = session;
  const name = names.called(user.id);
  const isSelf = user.id === client.userId;
  const role = client.room === undefined ? "GUEST" : roleOf(client.room, user.id);
  const route: Route = isSelf ? "self" : mesh.route(user.id);
  const { word, meaning } = routeWords[route];
  const reason = route === "relayed" ? reasonWords[mesh.pathReason(user.id) ?? "DIRECT"] : "";
  const [isRenaming, setRenaming] = useState(false);
  const isSeated = client.status.state === "seated";
  return (
    <li class="person" data-user={user.id} data-route={route}>
      <span class={`face tint-${tint}`} aria-hidden="true">
        {[...user.name][0]?.toUpperCase()}
      </span>
      <span class="who">
        <span class="name">{name}</span>
        <span class="marks">
          {role !== "GUEST" && (
            <span class={`mark ${role.toLowerCase()}`}>
              <Drawing name={roleMarks[role].drawing} />
              {roleMarks[role].word}
            </span>
          )}
          <span class={`mark ${route}`} title={meaning}>
            <Drawing name={route} />
            {word}
          </span>
          {reason !== "" && <span class="mark reason">{reason}</span>}
        </span>
      </span>
      {isSelf && (
        <button class="quiet" type="button" aria-label="Change your name" title="Change your name" onClick={() => setRenaming(true)}>
          <Drawing name="pen" />
        </button>
      )}
      {session.isHost && !isSelf && (
        <button class="small" type="button" disabled={!isSeated || route === "away"} onClick={() => void session.attempt(client.transferHost(user.id))}>
          Make {name} host
        </button>
      )}
      {session.mayRemove(role) && <Manage user={user} session={session} />}
      {isRenaming && (
        <Rename label="Your new name" value={user.name} maxLength={20} save={(newName) => session.renameUser(newName)} done={() => setRenaming(false)} />
      )}
    </li>
  );
}

const modes: readonly { mode: ControlMode; label: string }[] = [
  { mode: "HOST_ONLY", label: "Host only" },
  { mode: "FREE_FOR_ALL", label: "Everyone" },
];

export function WhoControls({ session }: { session: Session }): JSX.Element {
  const { client } = session;
  const current = session.controlMode;
  const isOpen = session.isHost && client.status.state === "seated";
  return (
    <section class="card controls-card">
      <h2 id="controls-title">Who controls</h2>
      <div class="choices" role="radiogroup" aria-labelledby="controls-title">
        {modes.map(({ mode, label }) => (
          <label key={mode} class="choice">
            <input
              type="radio"
              name="mode"
              checked={current === mode}
              disabled={!isOpen}
              onChange={() => void session.attempt(client.setControlMode(mode)).then(() => session.changes.tell())}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
      {!session.isHost && <p class="hint">The host decides this.</p>}
    </section>
  );
}
