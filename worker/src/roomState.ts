// One room as a Durable Object. It moves bytes between the platform and the core, and decides nothing: the rules are in Go
// (package room). Nothing here keeps the object awake, and nothing is in its memory alone: what the core says is to be kept goes
// into storage and into the sockets' attachments at once, so the object may hibernate after any event.

import { pingFrame, pongFrame } from "@usher/types";
import { DurableObject } from "cloudflare:workers";

import { Event, Flag, secretBytes } from "./abi";
import { addressOf, hashOf } from "./address";
import { answer, close, Close, endOf, noClose } from "./close";
import { core, Trap, type Core, type Performer } from "./core";
import { errorResponse, json, log } from "./http";
import { roomIdOf } from "./route";
import { settings } from "./settings";
import { GivenUp, Store } from "./store";

/** The tag of a socket whose address has made too many rooms. The first tags are the connection's id and the room's. */
const tooManyRooms = "too-many-rooms";

/** One socket that the core knows. */
interface Conn {
  readonly id: number;
  readonly socket: WebSocket;
  readonly flags: number;
  /** When the platform answered the last PING that the core knows of. */
  answeredMs: number;
}

/** How late an alarm may be before that is time in which the object did not run. */
const punctualMs = 2000;

export class RoomState extends DurableObject<Env> implements Performer {
  #core: Core | undefined;
  #handle = 0;
  #roomId = "";
  readonly #store: Store;
  #alarmMs = 0;
  /** When the object last ran, as far as that has left its memory. */
  #ranMs = 0;
  #lastId = 0;
  readonly #conns = new Map<number, Conn>();
  readonly #bySocket = new Map<WebSocket, Conn>();
  /** The frame that the core is looking at, which it may forward. */
  #frame = "";

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#store = new Store(ctx.storage);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(pingFrame, pongFrame));
    for (const socket of ctx.getWebSockets()) {
      this.#conn(socket);
    }
    this.#debug("object made", { sockets: this.#conns.size });
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmMs = (await ctx.storage.getAlarm()) ?? 0;
    });
  }

  /** Takes a WebSocket, or tells what somebody with an invitation may know. The router has checked the request. */
  override async fetch(request: Request): Promise<Response> {
    this.#roomId ||= roomIdOf(new URL(request.url));
    try {
      return request.headers.get("Upgrade") === null ? this.#describe() : await this.#accept(addressOf(request));
    } catch (error) {
      if (error instanceof GivenUp) {
        return errorResponse(error.code === Close.tryLater ? "STORAGE_UNAVAILABLE" : "INTERNAL");
      }
      throw error;
    }
  }

  async #accept(address: string): Promise<Response> {
    const hash = await hashOf(address, this.ctx.id.toString());
    const refused = this.#store.read() === undefined && !(await this.#mayCreate(address));
    const { 0: client, 1: server } = new WebSocketPair();
    // Above all that are open. Small numbers, because a Map finds them without being asked for a hash.
    const id = this.#lastId + 1;
    const conn = { id, socket: server, flags: refused ? Flag.tooManyRooms : 0, answeredMs: 0 };
    this.ctx.acceptWebSocket(server, refused ? [String(id), this.#roomId, tooManyRooms] : [String(id), this.#roomId]);
    server.serializeAttachment(null);
    this.#add(conn);
    const input = new Uint8Array(hash.length + secretBytes);
    input.set(hash);
    this.draw(input.subarray(hash.length));
    this.#step(Event.connected, conn, 0, input);
    return new Response(null, { status: 101, webSocket: client });
  }

  async #mayCreate(address: string): Promise<boolean> {
    return this.env.ROOMS_LIMIT === undefined || (await this.env.ROOMS_LIMIT.limit({ key: address })).success;
  }

  #describe(): Response {
    for (;;) {
      const known = this.#awake(this.now()).describe(this.#handle);
      if (known !== undefined) {
        return known === "" ? errorResponse("ROOM_NOT_FOUND") : json(known);
      }
      this.#core = undefined;
    }
  }

  /** The connection of a socket, undefined for one that the room has closed and that only waits for its peer to agree. */
  #conn(socket: WebSocket): Conn | undefined {
    const known = this.#bySocket.get(socket);
    if (known !== undefined || socket.deserializeAttachment() === null) {
      return known;
    }
    // A socket whose end wakes the object is not among getWebSockets any more (seen in workerd 1.20261102).
    const [id = "", roomId = "", mark] = this.ctx.getTags(socket);
    this.#roomId = roomId;
    const conn = { id: Number(id), socket, flags: mark === tooManyRooms ? Flag.tooManyRooms : 0, answeredMs: 0 };
    this.#add(conn);
    return conn;
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    const conn = this.#conn(socket);
    if (conn === undefined) {
      return;
    }
    if (typeof message !== "string") {
      this.#step(Event.binary, conn, 0);
      return;
    }
    this.#frame = message;
    this.#step(Event.received, conn, 0);
    this.#frame = "";
  }

  override webSocketClose(socket: WebSocket, code: number, reason: string, wasClean: boolean): void {
    if (!wasClean) {
      this.webSocketError(socket);
      return;
    }
    const ended = endOf(code, reason);
    this.#ended(socket, ended);
    answer(socket, code, ended);
  }

  /** The connection has ended without a Close. Ours ends what may be left of it: a client that has only stopped sending. */
  override webSocketError(socket: WebSocket): void {
    this.#ended(socket, noClose);
    close(socket, Close.protocolError);
  }

  #ended(socket: WebSocket, code: number): void {
    const conn = this.#conn(socket);
    if (conn !== undefined) {
      this.#step(Event.disconnected, conn, code);
      this.#forget(conn);
    }
  }

  override alarm(info?: AlarmInvocationInfo): void {
    const now = this.now();
    this.#alarmMs ||= info?.scheduledTime ?? 0; // an object that the alarm makes finds none set
    try {
      this.#catchUp(now, this.#pause(now));
      this.#alarmMs = 0;
      this.#run(Event.alarm, undefined, now, 0);
    } catch (error) {
      if (error instanceof Trap) {
        throw error; // the platform calls again in a while
      }
      this.#survive(error);
    }
  }

  /** Steps the room for something that a client did. What goes wrong costs this connection, or this room. */
  #step(event: Event, conn: Conn, argument: number, input?: Uint8Array): void {
    const now = this.now();
    try {
      if (this.#alarmMs !== 0 && now >= this.#alarmMs) {
        this.#catchUp(now, this.#takePause(now));
      }
      this.#ranMs = now;
      this.#run(event, conn, now, argument, input);
    } catch (error) {
      if (!(error instanceof Trap)) {
        this.#survive(error);
      } else if (event === Event.disconnected) {
        this.close(conn.id, Close.internal);
      } else {
        this.#end(conn, Close.internal); // it would only trap again
      }
    }
  }

  /** Tells the core what it must know before it judges a deadline: for how long the object did not run, and whose PINGs the platform has answered. */
  #catchUp(now: number, pausedMs: number): void {
    if (pausedMs > 0 && this.#core === core()) {
      this.#run(Event.paused, undefined, now, pausedMs);
    } else {
      this.#awake(now, pausedMs);
    }
    for (const conn of this.#conns.values()) {
      const answeredMs = this.ctx.getWebSocketAutoResponseTimestamp(conn.socket)?.getTime() ?? 0;
      if (answeredMs > conn.answeredMs) {
        conn.answeredMs = answeredMs;
        this.#run(Event.answered, conn, now, answeredMs + pausedMs);
      }
    }
  }

  /** For how long the object has not run, if its alarm is late. */
  #pause(now: number): number {
    return this.#alarmMs === 0 ? 0 : this.pausedMs(now, Math.max(this.#alarmMs, this.#ranMs));
  }

  /** #pause for something else than the alarm, which then is due now: an object that is made meanwhile does not count the pause again. */
  #takePause(now: number): number {
    const pausedMs = this.#pause(now);
    if (pausedMs > 0) {
      this.setAlarm(now);
    }
    return pausedMs;
  }

  #run(event: Event, conn: Conn | undefined, now: number, argument: number, input?: Uint8Array): void {
    this.#store.probe();
    const flags = this.flags() | (conn?.flags ?? 0);
    for (;;) {
      const wasm = this.#awake(now);
      let length = 0;
      if (input !== undefined) {
        length = wasm.putBytes(input);
      } else if (event === Event.received) {
        length = wasm.putFrame(this.#frame);
      }
      if (length < 0 && conn !== undefined) {
        this.#end(conn, Close.tooLarge);
        return;
      }
      if (event === Event.received && conn !== undefined && length > 0) {
        const to = wasm.relay(this.#handle, conn.id, now, length);
        if (to !== 0) {
          this.forward(to);
          return;
        }
      }
      if (wasm.step(this.#handle, event, conn?.id ?? 0, now, argument, flags, length, this)) {
        return;
      }
      this.#core = undefined; // another room needed the place
    }
  }

  /** The Wasm instance with this room in it: the room is woken if it is not there. */
  #awake(now: number, pausedMs = this.#takePause(now)): Core {
    const wasm = core();
    if (this.#core === wasm) {
      return wasm;
    }
    const stored = this.#store.read();
    this.#roomId ||= stored?.id ?? "";
    const attachments = [...this.#conns.values()]
      .map(({ id, socket }) => ({ conn: id, bytes: socket.deserializeAttachment() as Uint8Array | null }))
      .filter((a): a is { conn: number; bytes: Uint8Array } => a.bytes !== null)
      .sort((a, b) => a.conn - b.conn);
    const kept = { settings: this.settings(), roomId: this.#roomId, snapshot: stored?.snapshot ?? new Uint8Array(), alarmMs: this.#alarmMs, pausedMs, attachments };
    try {
      this.#handle = wasm.wake(now, kept, this);
    } catch (error) {
      if (error instanceof Trap || error instanceof GivenUp) {
        throw error;
      }
      log("error", "a room could not be woken", { error: String(error) });
      throw new GivenUp(Close.internal);
    }
    this.#core = wasm;
    for (const conn of this.#conns.values()) {
      conn.answeredMs = 0; // an attachment may be older than the last answered PING
    }
    return wasm;
  }

  // The clock, the randomness, the settings and the store's health: a test replaces them.

  protected now(): number {
    return Date.now();
  }

  /** For how long the object did not run, if its alarm should have come at a time, or nothing has come since. */
  protected pausedMs(now: number, sinceMs: number): number {
    return now - sinceMs > punctualMs ? now - sinceMs : 0;
  }

  protected draw(secret: Uint8Array): void {
    crypto.getRandomValues(secret);
  }

  protected flags(): number {
    return this.#store.fails ? Flag.storageUnavailable : 0;
  }

  protected settings(): string {
    const variables: Readonly<Record<string, unknown>> = { ...this.env };
    return Object.entries(settings)
      .filter(([variable]) => variables[variable] !== undefined && variables[variable] !== "")
      .map(([variable, name]) => `${name} ${String(variables[variable])}\n`)
      .join("");
  }

  /** Closes a connection for what the core cannot be told of, or has no say in. */
  #end(conn: Conn, code: number): void {
    this.#step(Event.disconnected, conn, code);
    this.close(conn.id, code);
  }

  #survive(error: unknown): void {
    if (!(error instanceof GivenUp)) {
      log("error", "a room was given up", { error: String(error) });
    }
    const code = error instanceof GivenUp ? error.code : Close.internal;
    if (this.#core !== undefined && this.#core === core()) {
      this.#core.drop(this.#handle);
    }
    this.#core = undefined;
    for (const id of [...this.#conns.keys()]) {
      this.close(id, code);
    }
  }

  #add(conn: Conn): void {
    this.#conns.set(conn.id, conn);
    this.#bySocket.set(conn.socket, conn);
    this.#lastId = Math.max(this.#lastId, conn.id);
  }

  /** Forgets a connection, so that whatever its socket may still report is nobody's: its id may be another's one day. */
  #forget(conn: Conn): void {
    this.#conns.delete(conn.id);
    this.#bySocket.delete(conn.socket);
    conn.socket.serializeAttachment(null);
  }

  // The effects, as package room describes them.

  send(id: number, text: string): void {
    try {
      this.#conns.get(id)?.socket.send(text);
    } catch {
      // It is closing; the platform will say so.
    }
  }

  forward(id: number): void {
    this.send(id, this.#frame);
  }

  close(id: number, code: number): void {
    const conn = this.#conns.get(id);
    if (conn === undefined) {
      return;
    }
    this.#forget(conn);
    close(conn.socket, code);
  }

  save(snapshot: Uint8Array): void {
    this.#store.save({ id: this.#roomId, snapshot });
  }

  saveLater(snapshot: Uint8Array): void {
    this.#store.saveLater({ id: this.#roomId, snapshot });
  }

  delete(): void {
    this.#store.delete();
  }

  setAlarm(atMs: number): void {
    this.#alarmMs = atMs;
    this.#store.setAlarm(atMs);
  }

  attach(id: number, attachment: Uint8Array): void {
    this.#conns.get(id)?.socket.serializeAttachment(attachment);
  }

  note(what: "refused" | "bounced", code: string): void {
    this.#debug(what, { code });
  }

  #debug(message: string, fields: Readonly<Record<string, string | number>>): void {
    if (this.env.LOG_LEVEL === "debug") {
      log("debug", message, fields);
    }
  }
}
