// The server, as people name it, and the addresses that follow from that.

import { inviteIn, roomIdIn } from "@usher/client";

/**
 * The address of the server's page, ending in a slash. It may be given as that, as the WebSocket
 * address that the server prints (ws://localhost:8787/ws), or as a bare host. Undefined for what is
 * none of these.
 */
export function pageAddress(text: string): string | undefined {
  const address = text.trim();
  const withScheme = /^[a-z][a-z\d+.-]*:\/\//i.test(address) ? address : `${isLocal(address) ? "http" : "https"}://${address}`;
  let url: URL;
  try {
    url = new URL(withScheme.replace(/^ws/i, "http"));
  } catch {
    return undefined;
  }
  if (!/^https?:$/.test(url.protocol)) {
    return undefined;
  }
  const folder = url.pathname.replace(/(^|\/)(ws|[^/]*\.html?)?\/?$/, "");
  return new URL(`${folder}/`, url.origin).href;
}

/** Where the server of a page takes WebSockets. */
export function socketAddress(page: string): string {
  return new URL("ws", page).href.replace(/^http/, "ws");
}

/**
 * The link that invites into a room: the server's page shows it to people without the extension.
 */
export function inviteLink(page: string, roomId: string): string {
  return `${page}#${roomId}`;
}

/**
 * What an invite link or a room's code names, as people paste it. A link names its server, too; a
 * code is of the one that is given. Undefined for a broken one.
 */
export function parseInvite(text: string, page: string | undefined): { server: string; roomId: string; invite: string } | undefined {
  const roomId = roomIdIn(text);
  const link = /(https?:\/\/[^\s#"'<>]+)(#|%23)/i.exec(text)?.[1];
  const server = link === undefined ? page : pageAddress(link);
  return roomId === "" || server === undefined ? undefined : { server, roomId, invite: inviteIn(text) };
}

function isLocal(address: string): boolean {
  return /^(localhost|127\.[\d.]+|\[::1\])(:|\/|$)/i.test(address);
}
