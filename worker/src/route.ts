import { roomIdPattern } from "./protocol";

/** What a path asks for. */
export type Route = "socket" | "room" | "turn" | "health" | "none";

export function routeOf(path: string): Route {
  switch (path) {
    case "/ws":
      return "socket";
    case "/turn-credentials":
      return "turn";
    case "/health":
    case "/healthz":
      return "health";
  }
  const [, rooms, , last, ...more] = path.split("/");
  if (rooms !== "rooms" || more.length > 0) {
    return "none";
  }
  if (last === "ws") {
    return "socket";
  }
  return last === undefined && path !== "/rooms" ? "room" : "none";
}

/**
 * The room that an address names: /rooms/ROOM/ws, /rooms/ROOM, or the text after the last `roomId=` of the query, because the existing extension
 * doubles it ("/ws?roomId=OLD?roomId=NEW"). "" where there is none or a malformed one.
 */
export function roomIdOf(url: URL): string {
  const [, first, fromPath = ""] = url.pathname.split("/");
  const id = decode(first === "rooms" ? fromPath : lastRoomId(url.search.slice(1)));
  return roomIdPattern.test(id) ? id : "";
}

function lastRoomId(query: string): string {
  const name = "roomId=";
  const at = query.lastIndexOf(name);
  if (at < 0 || (at > 0 && !"&?".includes(query.charAt(at - 1)))) {
    return "";
  }
  return query.slice(at + name.length).replace(/&.*$/, "");
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
