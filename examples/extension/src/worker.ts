// The service worker: the seat in the room. Chrome may stop it at any moment; its successor finds
// the seat in chrome.storage.session and resumes it. The socket's ping keeps it alive otherwise.

import { chromeStore, RoomClient, RoomError, type SignalingEvents, type Status } from "@usher/client";
import type { FromMesh, FromPopup, MeshEvent, MeshReport, ToMesh, View } from "./messages.ts";
import { isOwnPage } from "./port.ts";
import { pageAddress, socketAddress } from "./server.ts";

const store = chromeStore(chrome.storage.session);
const defaultServer = "http://localhost:8787/";
/** Enough for what comes while an offscreen document starts. */
const maxQueued = 256;

let client: RoomClient | undefined;
const unsubscribe: (() => void)[] = [];
let server = "";
let userName = "";
let problem = "";
let report: MeshReport = { routes: {}, filmUrl: "" };
let mesh: chrome.runtime.Port | undefined;
let queue: MeshEvent[] = [];
const pages = new Set<chrome.runtime.Port>();

// Listeners are added before anything is awaited: the event that started the service worker is told
// only to those.
chrome.runtime.onConnect.addListener((port) => {
  if (port.name === "page") {
    // The offscreen document speaks with it. What is needed here is the end of it, when the room is
    // left.
    pages.add(port);
    port.onDisconnect.addListener(() => pages.delete(port));
  } else if (port.name === "mesh" && isOwnPage(port.sender)) {
    void awake.then(() => serveMesh(port));
  }
});
chrome.runtime.onMessage.addListener((command: FromPopup, sender) => {
  if (isOwnPage(sender)) {
    void awake.then(() => obey(command)).catch(fail);
  }
});
const awake = wake();

/** Begins to return to the seat that there was when the service worker was stopped. */
async function wake(): Promise<void> {
  const kept = await chrome.storage.local.get({ server: defaultServer, userName: "" });
  server = pageAddress(String(kept["server"])) ?? defaultServer;
  userName = String(kept["userName"]);
  show();
  if ((await store.load().catch(() => undefined)) !== undefined) {
    const room = open();
    const began = new Promise<void>((resolve) => unsubscribe.push(room.on("status", () => resolve())));
    const resumed = room.resume().catch(fail);
    await Promise.race([began, resumed]); // from here on it has its user id
    await openMesh();
  } else {
    await closeMesh(); // the last one was stopped while it left
  }
}

/** A client of the server, heard by the mesh and the popup. */
function open(): RoomClient {
  for (const stop of unsubscribe) {
    stop();
  }
  client?.close(); // if it is still on its way to a seat, it would be a second one
  const room = new RoomClient({ url: socketAddress(server), store });
  client = room;
  const tell = <K extends keyof SignalingEvents>(type: K, event: (event: SignalingEvents[K]) => MeshEvent): void => {
    unsubscribe.push(room.on(type, (heard) => tellMesh(event(heard))));
  };
  tell("status", (status) => ({ type: "STATUS", status: plain(status), userId: room.userId }));
  tell("room", (state) => ({ type: "ROOM", room: state }));
  // The token is this part's secret.
  tell("seated", (reply) => ({ type: "SEATED", reply: { ...reply, resumeToken: "" } }));
  tell("message", (message) => ({ type: "MESSAGE", message: message.type === "KNOCKING" ? { ...message, knockToken: "" } : message }));
  unsubscribe.push(
    room.on("seated", async () => tellMesh({ type: "ICE_SERVERS", iceServers: await room.iceServers() })),
    room.on("room", show),
    room.on("knocks", show),
    room.on("status", (status) => {
      if (status.state === "ended") {
        problem = status.error?.message ?? "";
        void closeMesh();
      }
      show();
    }),
  );
  return room;
}

async function take(asked: Extract<FromPopup, { type: "CREATE" | "JOIN" }>): Promise<void> {
  server = asked.server;
  userName = asked.userName;
  await chrome.storage.local.set({ server, userName });
  queue = [];
  // The mesh first: offers come right after the seat.
  await openMesh();
  const room = open();
  await (asked.type === "CREATE"
    ? room.create({ userName, roomName: `${userName}'s room` })
    : room.join({
        roomId: asked.roomId,
        userName,
        ...(asked.invite === "" ? {} : { invite: asked.invite }),
        ...(asked.passcode === "" ? {} : { passcode: asked.passcode }),
      }));
}

async function obey(command: FromPopup): Promise<void> {
  problem = command.type === "SHOW" ? problem : "";
  show();
  switch (command.type) {
    case "SHOW":
      break;
    case "CREATE":
    case "JOIN":
      await take(command);
      break;
    case "LEAVE":
      await client?.leave();
      break;
    case "ADMIT":
      await client?.admit(command.userId);
      break;
    case "DENY":
      await client?.deny(command.userId);
      break;
    case "KICK":
    case "BAN":
      await client?.kick(command.userId, { ban: command.type === "BAN" });
      break;
    case "SET_ROLE":
      await client?.setRole(command.userId, command.role);
      break;
    case "SET_ENTRY":
      await client?.setDoor({ entry: command.entry });
      break;
    case "SET_CONTROL_MODE":
      await client?.setControlMode(command.mode);
      break;
    default:
      command satisfies never;
  }
}

function serveMesh(port: chrome.runtime.Port): void {
  mesh = port;
  port.onDisconnect.addListener(() => (mesh = mesh === port ? undefined : mesh));
  port.onMessage.addListener((message: FromMesh) => {
    switch (message.type) {
      case "SEND":
        client?.send(message.message);
        break;
      case "REPORT":
        report = message.report;
        show();
        break;
      default:
        message satisfies never;
    }
  });
  const status = plain(client?.status ?? { state: "idle" });
  const room = client?.room;
  const missed = queue;
  queue = [];
  tellMesh({ type: "SNAPSHOT", status, userId: client?.userId ?? "", ...(room === undefined ? {} : { room }) });
  for (const event of missed) {
    tellMesh(event);
  }
}

function tellMesh(event: MeshEvent): void {
  if (mesh === undefined) {
    queue = [...queue, event].slice(-maxQueued);
  } else {
    mesh.postMessage({ ...event, offsetMs: (client?.serverTime() ?? Date.now()) - Date.now() } satisfies ToMesh);
  }
}

/**
 * Only one offscreen document may exist, and it is there already when the service worker was
 * stopped meanwhile.
 */
async function openMesh(): Promise<void> {
  if (!(await chrome.offscreen.hasDocument())) {
    const justification = "Data channels to the others in the room";
    await chrome.offscreen.createDocument({ url: "offscreen.html", reasons: [chrome.offscreen.Reason.WEB_RTC], justification });
  }
}

async function closeMesh(): Promise<void> {
  for (const page of pages) {
    page.disconnect();
  }
  report = { routes: {}, filmUrl: "" };
  if (await chrome.offscreen.hasDocument()) {
    await chrome.offscreen.closeDocument();
  }
}

/** The popup reads it there, whether this service worker lives or not. */
function show(): void {
  const room = client?.room;
  const state = client?.status.state ?? "idle";
  const view: View = {
    server,
    userName,
    userId: client?.userId ?? "",
    state,
    problem,
    knocks: client?.knocks ?? [],
    ...report,
    ...(room === undefined ? {} : { room }),
  };
  void chrome.storage.session.set({ view });
}

function fail(error: unknown): void {
  if (error instanceof RoomError && error.code === "ABORTED") {
    return; // the viewer has asked for something else
  }
  problem = (error as Error).message;
  show();
}

/** Messages of ports are JSON, and an Error would come out empty. */
function plain(status: Status): Status {
  return status.state === "ended" ? { state: "ended" } : status;
}
