import { roomIdPattern } from "@usher/types";

/** What a path leads to. */
export type Route = "socket" | "room" | "rooms" | "tickets" | "turn" | "health" | "healthz" | "readyz" | "none";

/** Only the address of a WebSocket may end with a slash. */
export function routeOf(pathname: string): Route {
  switch (pathname) {
    case "/ws":
    case "/ws/":
      return "socket";
    case "/rooms":
      return "rooms";
    case "/tickets":
      return "tickets";
    case "/turn-credentials":
      return "turn";
    case "/health":
      return "health";
    case "/healthz":
      return "healthz";
    case "/readyz":
      return "readyz";
  }
  const [, rooms, id, ...rest] = pathname.split("/");
  if (rooms !== "rooms" || id === undefined || id === "") {
    return "none";
  }
  if (rest.length === 0) {
    return "room";
  }
  return /^ws\/?$/.test(rest.join("/")) ? "socket" : "none";
}

/**
 * The page, for the link to a room in which some program has escaped the #, so that it got into the
 * path; "" for any other address. It is relative, because a proxy may serve the page below a path
 * of its own.
 */
export function mendedLink(url: URL): string {
  const [, fragment, slash] = /^\/%(?:25)*23([^/]*)(\/?)$/.exec(url.pathname) ?? [];
  return fragment === undefined ? "" : `${slash === "" ? "./" : "../"}#${fragment}${url.search}`;
}

/**
 * The room that an address names: /rooms/ROOM/ws, /rooms/ROOM, or the query's last parameter
 * `roomId`. A legacy client appends another query to the one before ("/ws?roomId=OLD?roomId=NEW"),
 * so a parameter also begins after "?". "" if there is none, or a malformed one.
 */
export function roomIdOf(url: URL): string {
  const [, first, fromPath = ""] = url.pathname.split("/");
  const id = decode(first === "rooms" ? fromPath : lastParameter(url, "roomId"));
  return roomIdPattern.test(id) ? id : "";
}

/** The query's last parameter of a name, "" if there is none. */
export function lastParameter(url: URL, name: string): string {
  const parameter = url.search
    .slice(1)
    .split(/[?&]/)
    .findLast((text) => text.startsWith(`${name}=`));
  return parameter?.slice(name.length + 1) ?? "";
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}
