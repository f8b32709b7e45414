// The end of a WebSocket (RFC 6455, section 7). The platform leaves it to the object to answer a
// hibernatable socket's Close: without a reply the TCP connection hangs until the object is dropped
// from memory, and the client sees 1006 (workerd 1.20261102, in spite of
// web_socket_auto_reply_to_close, which is for other sockets).

import { closeCodes, type CloseCode } from "@usher/types";

import { replacement } from "./core";

/** The close codes that the shell itself uses. */
export const Close = {
  protocolError: 1002,
  invalidUTF8: 1007,
  tooLarge: 1009,
  internal: 1011,
  tryLater: 1013,
} as const satisfies Record<string, CloseCode>;

/** The code of a Close without one, and of an end without a Close (RFC 6455, section 7.1.5). */
const noCode = 1005;
export const noClose = 1006;

/** The reason that travels in a close frame, by its code. */
export function reasonOf(code: number): string {
  return isOurs(code) ? closeCodes[code].reason : "";
}

function isOurs(code: number): code is CloseCode {
  return code in closeCodes;
}

/** Closes a socket for a reason of the room's or the shell's. */
export function close(socket: WebSocket, code: number): void {
  send(socket, code, reasonOf(code));
}

/** The code that a client's Close ends the connection with: its own, or that of the error in it. */
export function endOf(code: number, reason: string): number {
  if (reason.includes(replacement)) {
    return Close.invalidUTF8;
  }
  return isValid(code) || (code === noCode && reason === "") ? code : Close.protocolError;
}

/** Answers a client's Close, which ended the connection with a code. */
export function answer(socket: WebSocket, code: number, ended: number): void {
  if (code === ended) {
    send(socket, code, "");
  } else {
    close(socket, ended);
  }
}

/** Reports whether a client may send a code (RFC 6455, section 7.4, and the IANA registry). */
function isValid(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

function send(socket: WebSocket, code: number, reason: string): void {
  try {
    if (code === noCode) {
      socket.close();
    } else {
      socket.close(code, reason);
    }
  } catch {
    // It is gone.
  }
}
