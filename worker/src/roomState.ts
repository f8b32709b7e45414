// One room as a Durable Object. It moves bytes between the platform and the core, and decides
// nothing: the rules are in Go (package room). Nothing here keeps the object awake, and nothing is
// only in its memory: what the core says is to be kept goes into storage and into the sockets'
// attachments at once, so the object may hibernate after any event.

import { authSubprotocol, pingFrame, pongFrame, type ErrorCode } from "@usher/types";
import { DurableObject } from "cloudflare:workers";

import { Event } from "./abi";
import { addressOf, hashOf } from "./address";
import { Alarm } from "./alarm";
import type { Arrangement, Creation } from "./arrangement";
import { identityIn, offersAuth } from "./auth";
import { answer, close, Close, endOf, noClose } from "./close";
import { Conns } from "./conns";
import { Credentials } from "./credentials";
import { errorResponse, json, log } from "./http";
import { withIdentity } from "./identity";
import type { Seat } from "./ice";
import { Room } from "./room";
import { roomIdOf } from "./route";
import { GivenUp, Store } from "./store";
import { Surroundings } from "./surroundings";
import { ttlSeconds } from "./ttl";

export class RoomState extends DurableObject<Env> {
  readonly #store: Store;
  readonly #conns: Conns;
  readonly #room: Room;
  readonly #credentials: Credentials;

  constructor(ctx: DurableObjectState, env: Env, surroundings = new Surroundings(env)) {
    super(ctx, env);
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair(pingFrame, pongFrame));
    this.#store = new Store(ctx.storage);
    this.#conns = new Conns(ctx);
    this.#credentials = new Credentials(ctx, env);
    const alarm = new Alarm(this.#store, surroundings);
    this.#room = new Room({
      conns: this.#conns,
      store: this.#store,
      alarm,
      surroundings,
      answeredMs: (socket) => ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0,
      debug: (message, fields) => this.#debug(message, fields),
      verify: (token, done) => ctx.waitUntil(surroundings.verify(token, this.#conns.roomId).then(done)),
      renew: (seat, done) => ctx.waitUntil(this.#iceServers(seat).then(done)),
      seatEnded: (seat) => this.#credentials.end(seat),
    });
    this.#debug("object made", { sockets: this.#conns.size });
    void ctx.blockConcurrencyWhile(async () => {
      alarm.atMs = (await ctx.storage.getAlarm()) ?? 0;
    });
  }

  /**
   * Takes a WebSocket, or describes the room to somebody with an invitation. The router has checked
   * the request.
   */
  override async fetch(request: Request): Promise<Response> {
    this.#conns.roomId ||= roomIdOf(new URL(request.url));
    try {
      return request.headers.get("Upgrade") === null ? this.#describe() : await this.#accept(request);
    } catch (error) {
      if (error instanceof GivenUp) {
        return errorResponse(error.code === Close.tryLater ? "STORAGE_UNAVAILABLE" : "INTERNAL");
      }
      throw error;
    }
  }

  /**
   * When the seat was taken whose user id and resume token these are, or why that cannot be said.
   */
  seated(roomId: string, userId: string, token: string): number | ErrorCode {
    this.#conns.roomId ||= roomId;
    try {
      return this.#room.holds(userId, token) || "INVALID_RESUME_TOKEN";
    } catch (error) {
      if (error instanceof GivenUp) {
        return error.code === Close.tryLater ? "STORAGE_UNAVAILABLE" : "INTERNAL";
      }
      throw error;
    }
  }

  /**
   * Keeps the names of credentials that a seat has been given, to be revoked with it. False if it
   * has ended already: then they are.
   */
  issued(roomId: string, userId: string, token: string, usernames: readonly string[], untilMs: number): boolean {
    this.#conns.roomId ||= roomId;
    const takenAtMs = this.#room.holds(userId, token);
    if (takenAtMs === 0) {
      this.#credentials.revoke(usernames);
      return false;
    }
    this.#credentials.keep({ roomId, userId, takenAtMs }, usernames, untilMs);
    return true;
  }

  /** Creates the room ahead of its people, and returns what was made, or why that cannot be. */
  create(roomId: string, wanted: Arrangement): Promise<Creation | ErrorCode> {
    this.#conns.roomId ||= roomId;
    return this.#room.create(wanted);
  }

  /** The ICE_SERVERS for a seat, "" if there are none now. */
  async #iceServers(seat: Seat): Promise<string> {
    const ttl = ttlSeconds(this.env);
    try {
      const servers = (await this.#credentials.make(seat, ttl)).map((server) => ({ ...server, urls: [server.urls].flat() }));
      return JSON.stringify({ type: "ICE_SERVERS", roomId: seat.roomId, iceServers: servers, ttl, timestamp: Date.now() });
    } catch (error) {
      log("warn", "no new ICE servers for a participant", { error: String(error) });
      return "";
    }
  }

  #describe(): Response {
    const known = this.#room.describe();
    return known === "" ? errorResponse("ROOM_NOT_FOUND") : json(known);
  }

  async #accept(request: Request): Promise<Response> {
    const address = addressOf(request);
    const hash = await hashOf(address, this.ctx.id.toString());
    const refused = this.#store.read() === undefined && !(await this.#mayCreate(address));
    const { 0: client, 1: server } = new WebSocketPair();
    const conn = this.#conns.accept(server, refused);
    this.#room.step(Event.connected, conn, 0, withIdentity(hash, identityIn(request)));
    const headers: HeadersInit = offersAuth(request) ? { "Sec-WebSocket-Protocol": authSubprotocol } : {};
    return new Response(null, { status: 101, webSocket: client, headers });
  }

  async #mayCreate(address: string): Promise<boolean> {
    return this.env.ROOMS_LIMIT === undefined || (await this.env.ROOMS_LIMIT.limit({ key: address })).success;
  }

  override webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void | Promise<void> {
    const conn = this.#conns.of(socket);
    if (conn === undefined) {
      return;
    }
    if (typeof message === "string") {
      return this.#room.received(conn, message);
    }
    this.#room.step(Event.binary, conn, 0);
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

  /**
   * The connection has ended without a Close. Ours ends what may be left of it: a client that has
   * only stopped sending.
   */
  override webSocketError(socket: WebSocket): void {
    this.#ended(socket, noClose);
    close(socket, Close.protocolError);
  }

  #ended(socket: WebSocket, code: number): void {
    const conn = this.#conns.of(socket);
    if (conn !== undefined) {
      this.#room.disconnected(conn, code);
    }
  }

  override alarm(info?: AlarmInvocationInfo): void {
    this.#room.alarmFired(info?.scheduledTime ?? 0);
  }

  #debug(message: string, fields: Readonly<Record<string, string | number>>): void {
    if (this.env.LOG_LEVEL === "debug") {
      log("debug", message, fields);
    }
  }
}
