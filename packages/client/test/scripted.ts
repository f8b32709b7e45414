// A server that does what a test says, and otherwise what usher does: for everything that the real
// one does too rarely, too late or not yet.

import { once } from "node:events";
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket as ServerSocket } from "ws";

import type { RoomState, User } from "@usher/types";
import { until } from "../../../test/e2e/wait.ts";

/** A frame, read as JSON. */
export interface Frame {
  [field: string]: unknown;
  type: string;
}

/** What the server does with a frame of a type. */
export type Reply = (link: Link, frame: Frame) => void;

export const seatToken = "AAAAAAAAAAAAAAAAAAAAAA";

export function user(id: string, fields: Partial<User> = {}): User {
  return { id, name: id, isHost: false, role: "GUEST", isConnected: true, joinedAt: 0, ...fields };
}

export function roomOf(id: string, users: User[], fields: Partial<RoomState> = {}): RoomState {
  return {
    id,
    name: "Room",
    hostId: users[0]?.id ?? "",
    users: users.map((one, index) => (index === 0 ? { ...one, isHost: true, role: "HOST" } : one)),
    controlMode: "HOST_ONLY",
    followMode: "AUTO_FOLLOW",
    videoState: { isPlaying: false, currentTime: 0, duration: 0, playbackRate: 1, url: "", lastUpdated: 0 },
    hostVideoState: null,
    hostCurrentUrl: null,
    createdAt: 0,
    lastActivity: 0,
    ...fields,
  };
}

/** One client's connection, as the server sees it. */
export class Link {
  readonly roomId: string;
  readonly received: Frame[] = [];
  /** The client's close code, once it has sent one. */
  closeCode: number | undefined;
  userId = "";
  readonly #socket: ServerSocket;
  readonly #echoesRefs: boolean;
  #read = 0;

  constructor(socket: ServerSocket, roomId: string, echoesRefs: boolean) {
    this.#socket = socket;
    this.roomId = roomId;
    this.#echoesRefs = echoesRefs;
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN;
  }

  get types(): string[] {
    return this.received.map((frame) => frame.type);
  }

  say(frame: Frame): void {
    this.#socket.send(JSON.stringify({ timestamp: Date.now(), ...frame }));
  }

  /** Answers a request: with its ref, from a server that knows refs. */
  reply(request: Frame, frame: Frame): void {
    this.say(this.#echoesRefs && request["ref"] !== undefined ? { ...frame, ref: request["ref"] } : frame);
  }

  refuse(request: Frame, code: string, fields: object = {}): void {
    this.reply(request, { type: "ERROR", code, error: `Refused: ${code}`, retryable: false, ...fields });
  }

  /** Gives the seat that a CREATE_ROOM or JOIN_ROOM asks for. */
  seat(request: Frame, fields: object = {}): void {
    this.userId = String(request["userId"]);
    const resumed = request["resumeToken"] !== undefined;
    this.reply(request, {
      type: request.type === "CREATE_ROOM" ? "ROOM_CREATED" : "ROOM_JOINED",
      roomId: this.roomId,
      userId: this.userId,
      roomState: roomOf(this.roomId, [user(this.userId)]),
      resumeToken: resumed ? undefined : seatToken,
      resumed,
      recovered: resumed,
      pingIntervalMs: 20_000,
      serverTime: Date.now(),
      ...fields,
    });
  }

  close(code: number): void {
    this.#socket.close(code);
  }

  /** Ends the TCP connection without a word. */
  cut(): void {
    this.#socket.terminate();
  }

  /** The next frame of a type that was not returned yet; what came before it is skipped. */
  next(type: string): Promise<Frame> {
    return until(`a ${type} comes, after ${this.types.join(", ")}`, () => {
      const index = this.received.findIndex((frame, n) => n >= this.#read && frame.type === type);
      this.#read = index < 0 ? this.#read : index + 1;
      return this.received[index];
    }) as Promise<Frame>;
  }
}

const usual: Readonly<Record<string, Reply>> = {
  CREATE_ROOM: (link, frame) => link.seat(frame),
  JOIN_ROOM: (link, frame) => link.seat(frame),
  LEAVE_ROOM: (link) => link.close(1000),
  PING: (link) => link.say({ type: "PONG" }),
};

export class ScriptedServer {
  readonly url: string;
  /** All connections so far, ended ones included. */
  readonly links: Link[] = [];
  /** What it does otherwise than usher. */
  replies: Record<string, Reply> = {};
  readonly #http: HttpServer;
  readonly #sockets: WebSocketServer;

  private constructor(http: HttpServer, sockets: WebSocketServer) {
    this.#http = http;
    this.#sockets = sockets;
    this.url = `ws://127.0.0.1:${(http.address() as AddressInfo).port}/ws`;
  }

  /** echoesRefs: whether it is of a version that knows refs. */
  static async start(echoesRefs = true): Promise<ScriptedServer> {
    const http = createServer((_request, response) => response.writeHead(404).end("{}"));
    const sockets = new WebSocketServer({ server: http, path: "/ws" });
    http.listen(0, "127.0.0.1");
    await once(http, "listening");
    const server = new ScriptedServer(http, sockets);
    sockets.on("connection", (socket, request) => {
      const roomId = new URL(request.url ?? "", "ws://localhost").searchParams.get("roomId") ?? "";
      const link = new Link(socket, roomId, echoesRefs);
      server.links.push(link);
      socket.on("error", () => undefined); // "close" follows
      socket.on("close", (code) => (link.closeCode = code));
      socket.on("message", (data) => {
        const frame = JSON.parse(String(data)) as Frame;
        link.received.push(frame);
        (server.replies[frame.type] ?? usual[frame.type])?.(link, frame);
      });
    });
    return server;
  }

  get openLinks(): Link[] {
    return this.links.filter((link) => link.isOpen);
  }

  /** The nth connection, from 0, once it is there. */
  link(n: number): Promise<Link> {
    return until(`connection ${n}`, () => this.links[n]) as Promise<Link>;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) {
      socket.terminate();
    }
    this.#http.closeAllConnections();
    await new Promise((resolve) => this.#http.close(resolve));
  }
}
