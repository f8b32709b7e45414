// The offscreen document: WebRTC, which a service worker does not have. It lives for as long as
// there is a seat, also while the service worker is stopped, and gives the film to the content
// script that was opened last.

import { PeerMesh, type Route } from "@usher/client";
import { parseFromPage, type ToPage } from "./messages.ts";
import { PortSignaling } from "./portSignaling.ts";

const client = new PortSignaling();
const mesh = new PeerMesh(client);
let page: chrome.runtime.Port | undefined;
let taken = 0;

client.clockChanged = () => tellPage({ type: "CLOCK", offsetMs: client.offsetMs });
mesh.on("film", () => {
  tellFilm();
  report();
});
mesh.on("room", tellRoom);
mesh.on("route", report);

chrome.runtime.onConnect.addListener((port) => {
  if (port.name !== "page" || port.sender?.id !== chrome.runtime.id) {
    return;
  }
  page?.disconnect(); // one film at a time: the newest
  page = port;
  taken = 0;
  port.onDisconnect.addListener(() => (page = page === port ? undefined : page));
  port.onMessage.addListener((value: unknown) => {
    const said = parseFromPage(value);
    if (page === port) {
      taken += 1;
      if (said !== undefined) {
        mesh.send(said.message);
      }
      tellFilm(); // also where it is as it was
    }
  });
  tellFilm();
  tellRoom();
});

function tellFilm(): void {
  if (mesh.film !== undefined) {
    tellPage({ type: "FILM", film: mesh.film, taken, offsetMs: client.offsetMs });
  }
}

function tellRoom(): void {
  if (mesh.room !== undefined) {
    tellPage({ type: "ROOM", userId: mesh.userId, room: { ...mesh.room, id: "", users: [] }, offsetMs: client.offsetMs });
  }
  report();
}

function tellPage(message: ToPage): void {
  page?.postMessage(message);
}

function report(): void {
  const routes: Record<string, Route> = {};
  for (const { id } of mesh.room?.users ?? []) {
    routes[id] = mesh.route(id);
  }
  client.report({ routes, filmUrl: mesh.film?.url ?? "" });
}
