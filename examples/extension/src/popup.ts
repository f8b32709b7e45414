// The popup: shows what the service worker has written down, and sends it what the viewer asks for.

import type { ControlMode, Entry, Knock, Role, RoomState, User } from "@usher/client";
import type { FromPopup, View } from "./messages.ts";
import { inviteLink, pageAddress, parseInvite } from "./server.ts";

const start = element("start", HTMLFormElement);
const link = element("link", HTMLInputElement);
const status = element("status", HTMLElement);
const control = element("control", HTMLFieldSetElement);
const entry = element("entry", HTMLFieldSetElement);
const fields = start.elements as HTMLFormControlsCollection & Record<"userName" | "server" | "invite" | "passcode", HTMLInputElement>;
let isFilled = false;
let shownLine = "";

chrome.storage.session.onChanged.addListener(({ view }) => show(view?.newValue as View | undefined));
void chrome.storage.session.get("view").then(({ view }) => show(view as View | undefined));
send({ type: "SHOW" });

start.addEventListener("submit", (event) => {
  event.preventDefault();
  const userName = fields.userName.value.trim();
  const isJoin = (event.submitter as HTMLButtonElement | null)?.name === "join";
  const server = pageAddress(fields.server.value);
  const invite = isJoin ? parseInvite(fields.invite.value, server) : undefined;
  if (!isJoin && server === undefined) {
    status.textContent = "That is not the address of a server, such as ws://localhost:8787/ws";
  } else if (isJoin && invite === undefined) {
    status.textContent = "That is neither a complete invite link nor a room code";
  } else {
    status.textContent = "Connecting…";
    send(invite === undefined ? { type: "CREATE", server: server ?? "", userName } : { type: "JOIN", ...invite, userName, passcode: fields.passcode.value });
  }
});
control.addEventListener("change", (event) => send({ type: "SET_CONTROL_MODE", mode: (event.target as HTMLInputElement).value as ControlMode }));
entry.addEventListener("change", (event) => send({ type: "SET_ENTRY", entry: (event.target as HTMLInputElement).value as Entry }));
element("leave", HTMLButtonElement).addEventListener("click", () => send({ type: "LEAVE" }));
element("copy", HTMLButtonElement).addEventListener("click", async () => {
  await navigator.clipboard.writeText(link.value);
  status.textContent = "Copied";
});
element("watch", HTMLButtonElement).addEventListener("click", async () => {
  status.textContent = await watchPage().catch((error: unknown) => `Not on this page: ${(error as Error).message}`);
});

function send(command: FromPopup): void {
  void chrome.runtime.sendMessage(command).catch(() => undefined); // the view is the reply
}

function show(view: View | undefined): void {
  if (view === undefined) {
    return; // something else has changed, or the service worker is still to write its first
  }
  const { room, state, problem } = view;
  const isIn = room !== undefined && state !== "idle" && state !== "ended" && state !== "knocking";
  if (!isFilled) {
    isFilled = true;
    fields.userName.value = view.userName;
    fields.server.value = view.server;
  }
  document.body.dataset["status"] = state;
  document.body.dataset["user"] = view.userId;
  const isKnocking = state === "knocking";
  const line = problem !== "" ? problem : isKnocking ? "Waiting to be let in…" : state === "waiting" || (isIn && state === "connecting") ? "Reconnecting…" : "";
  // Otherwise what the popup itself has said would go with the next thing that changes.
  if (line !== shownLine || start.hidden !== isIn) {
    status.textContent = line;
  }
  shownLine = line;
  start.hidden = isIn;
  element("room", HTMLElement).hidden = !isIn;
  if (isIn) {
    showRoom(view, room);
  }
}

function showRoom(view: View, room: RoomState): void {
  element("name", HTMLElement).textContent = room.name;
  link.value = inviteLink(view.server, room.id);
  const own = room.users.find(({ id }) => id === view.userId)?.role ?? "GUEST";
  element("people", HTMLElement).replaceChildren(...room.users.map((user) => personItem(user, view, own)));
  element("knocks", HTMLElement).replaceChildren(...view.knocks.map(knockItem));
  element("door", HTMLElement).hidden = view.knocks.length === 0;
  control.disabled = room.hostId !== view.userId;
  choose(control, room.controlMode);
  entry.hidden = room.hostId !== view.userId;
  choose(entry, room.door?.entry ?? "OPEN");
  const elsewhere = element("elsewhere", HTMLElement);
  const anchor = elsewhere.querySelector("a");
  elsewhere.hidden = !/^https?:\/\//.test(view.filmUrl);
  if (anchor !== null && !elsewhere.hidden) {
    anchor.href = view.filmUrl;
    anchor.textContent = view.filmUrl;
  }
}

function choose(choices: HTMLFieldSetElement, value: string): void {
  for (const radio of choices.querySelectorAll("input")) {
    radio.checked = radio.value === value;
  }
}

const roleWords = { HOST: "Host", COHOST: "Cohost", VIEWER: "Viewer" } as const;

function personItem(user: User, view: View, own: Role): HTMLElement {
  const route = user.id === view.userId ? "self" : (view.routes[user.id] ?? "away");
  const item = document.createElement("li");
  item.dataset["user"] = user.id;
  item.dataset["route"] = route;
  const name = document.createElement("span");
  name.textContent = user.name;
  const marks = document.createElement("span");
  marks.textContent = [...(user.role === "GUEST" ? [] : [roleWords[user.role]]), route === "self" ? "you" : route].join(", ");
  item.append(name, marks);
  if (user.role !== "HOST" && (own === "HOST" || (own === "COHOST" && user.role !== "COHOST"))) {
    item.append(acts(user, own));
  }
  return item;
}

/** What the host, and a cohost, may do about somebody. The server decides. */
function acts({ id, name, role }: User, own: Role): HTMLElement {
  const made = document.createElement("div");
  made.className = "acts";
  if (own === "HOST") {
    const choice = document.createElement("select");
    choice.ariaLabel = `Role of ${name}`;
    for (const [value, words] of [
      ["COHOST", "Cohost"],
      ["GUEST", "Guest"],
      ["VIEWER", "Viewer"],
    ] as const) {
      choice.append(new Option(words, value, value === role, value === role));
    }
    choice.addEventListener("change", () => send({ type: "SET_ROLE", userId: id, role: choice.value as Exclude<Role, "HOST"> }));
    made.append(choice);
  }
  made.append(button(`Remove ${name}`, { type: "KICK", userId: id }), button(`Ban ${name}`, { type: "BAN", userId: id }));
  return made;
}

function button(words: string, command: FromPopup): HTMLButtonElement {
  const made = document.createElement("button");
  made.textContent = words;
  made.addEventListener("click", () => send(command));
  return made;
}

/** Somebody at the door, for the host and the cohosts. */
function knockItem({ userId, userName }: Knock): HTMLElement {
  const item = document.createElement("li");
  const name = document.createElement("span");
  name.textContent = userName;
  item.append(name, button(`Let ${userName} in`, { type: "ADMIT", userId }), button(`Turn ${userName} away`, { type: "DENY", userId }));
  return item;
}

/**
 * Injects the content script into the tab that the popup stands over, which the click on the
 * extension's icon has allowed (activeTab).
 */
async function watchPage(): Promise<string> {
  // Opened in a tab, popup.html?tab=ID says which other tab is meant.
  const named = new URLSearchParams(location.search).get("tab");
  const [active] = named === null ? await chrome.tabs.query({ active: true, currentWindow: true }) : [{ id: Number(named) }];
  const target = { tabId: active?.id ?? chrome.tabs.TAB_ID_NONE };
  const [has] = await chrome.scripting.executeScript({ target, func: () => document.querySelector("video") !== null });
  if (has?.result !== true) {
    return "This page has no film yet: start it, then try again";
  }
  await chrome.scripting.executeScript({ target, files: ["content.js"] });
  return "The room is watching this page's film now";
}

function element<T extends HTMLElement>(id: string, kind: abstract new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new Error(`no ${id}`);
  }
  return found;
}
