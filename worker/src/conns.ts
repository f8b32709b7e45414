// The sockets that the core knows, by their ids in the core. What is needed after hibernation is in
// each socket's tags and attachment.

import { Flag } from "./abi";
import { close } from "./close";

/**
 * The tag of a socket whose address has made too many rooms. The first tags are the connection's id
 * and the room's.
 */
const tooManyRooms = "too-many-rooms";

/** One socket that the core knows. */
export interface Conn {
  readonly id: number;
  readonly socket: WebSocket;
  readonly flags: number;
  /** When the platform answered the last PING that the core knows of. */
  answeredMs: number;
}

export class Conns {
  readonly #ctx: DurableObjectState;
  /** The room that the sockets are in, "" if it is not known. */
  roomId = "";
  #lastId = 0;
  readonly #byId = new Map<number, Conn>();
  readonly #bySocket = new Map<WebSocket, Conn>();

  /** Finds the sockets that the object had before it was dropped from memory. */
  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    for (const socket of ctx.getWebSockets()) {
      this.of(socket);
    }
  }

  get size(): number {
    return this.#byId.size;
  }

  all(): Iterable<Conn> {
    return this.#byId.values();
  }

  /** Takes a socket. refused says whether its address has made too many rooms. */
  accept(socket: WebSocket, refused: boolean): Conn {
    // Above all that are open. Small numbers, because a Map finds them without being asked for a
    // hash.
    const id = this.#lastId + 1;
    const conn = { id, socket, flags: refused ? Flag.tooManyRooms : 0, answeredMs: 0 };
    this.#ctx.acceptWebSocket(socket, refused ? [String(id), this.roomId, tooManyRooms] : [String(id), this.roomId]);
    socket.serializeAttachment(null);
    this.#add(conn);
    return conn;
  }

  /**
   * The connection of a socket, undefined for one that the room has closed and that only waits for
   * its peer to agree.
   */
  of(socket: WebSocket): Conn | undefined {
    const known = this.#bySocket.get(socket);
    if (known !== undefined || socket.deserializeAttachment() === null) {
      return known;
    }
    // A socket whose end wakes the object is not among getWebSockets any more (seen in workerd
    // 1.20261102).
    const [id = "", roomId = "", mark] = this.#ctx.getTags(socket);
    this.roomId = roomId;
    const conn = { id: Number(id), socket, flags: mark === tooManyRooms ? Flag.tooManyRooms : 0, answeredMs: 0 };
    this.#add(conn);
    return conn;
  }

  has(conn: Conn): boolean {
    return this.#byId.get(conn.id) === conn;
  }

  get(id: number): Conn | undefined {
    return this.#byId.get(id);
  }

  /** The attachments that the core has given the sockets. */
  attachments(): { conn: number; bytes: Uint8Array }[] {
    return [...this.#byId.values()]
      .map(({ id, socket }) => ({ conn: id, bytes: socket.deserializeAttachment() as Uint8Array | null }))
      .filter((a): a is { conn: number; bytes: Uint8Array } => a.bytes !== null)
      .sort((a, b) => a.conn - b.conn);
  }

  attach(id: number, attachment: Uint8Array): void {
    this.#byId.get(id)?.socket.serializeAttachment(attachment);
  }

  send(id: number, text: string): void {
    try {
      this.#byId.get(id)?.socket.send(text);
    } catch {
      // It is closing; the platform will say so.
    }
  }

  close(id: number, code: number): void {
    const conn = this.#byId.get(id);
    if (conn === undefined) {
      return;
    }
    this.forget(conn);
    close(conn.socket, code);
  }

  closeAll(code: number): void {
    for (const id of [...this.#byId.keys()]) {
      this.close(id, code);
    }
  }

  /**
   * Forgets a connection, so that whatever its socket still reports is ignored: another connection
   * may get its id.
   */
  forget(conn: Conn): void {
    this.#byId.delete(conn.id);
    this.#bySocket.delete(conn.socket);
    conn.socket.serializeAttachment(null);
  }

  #add(conn: Conn): void {
    this.#byId.set(conn.id, conn);
    this.#bySocket.set(conn.socket, conn);
    this.#lastId = Math.max(this.#lastId, conn.id);
  }
}
