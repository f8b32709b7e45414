import { failure } from "./error.js";
import type { UrlLike } from "./options.js";

/**
 * The WebSocket address that is meant: http(s) means ws(s), and in a page a relative address is
 * relative to the page's. Throws a RoomError with INVALID_URL for everything else.
 */
export function socketUrl(address: string | UrlLike): URL {
  let url: URL;
  try {
    url = new URL(text(address), globalThis.location?.href);
  } catch (error) {
    throw failure("INVALID_URL", error, `${text(address)} is not an address such as wss://example.org/ws`);
  }
  url.protocol = url.protocol.replace(/^http/, "ws");
  if (!/^wss?:$/.test(url.protocol)) {
    throw failure("INVALID_URL", undefined, `${text(address)} has to begin with wss:// or ws://, as in ws://localhost:8787/ws`);
  }
  url.hash = ""; // new WebSocket would refuse it
  return url;
}

function text(address: string | UrlLike): string {
  return typeof address === "string" ? address : `${address?.href}`;
}
