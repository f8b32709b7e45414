// The peer that usher's worker is measured against: a signaling room as a plain Durable Object,
// written as one would who needs a relay and no more. It hibernates, checks who sends what to whom,
// and passes the frame on as it came. It has no limits, no rules about hosts or returning, and
// stores nothing.

import { DurableObject } from "cloudflare:workers";

interface Bindings {
  readonly ROOM: DurableObjectNamespace<RoomState>;
}

/** What a socket's attachment keeps of its participant while the object hibernates. */
interface Seat {
  readonly roomId: string;
  readonly userId: string;
}

/**
 * The fields that are looked at. A client may send anything, so each is of any type until it has
 * been compared.
 */
interface Message {
  readonly type?: unknown;
  readonly roomId?: unknown;
  readonly userId?: unknown;
  readonly targetUserId?: unknown;
}

export default {
  async fetch(request, env): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/health") {
      return new Response("healthy\n");
    }
    const roomId = url.searchParams.get("roomId");
    if (url.pathname !== "/ws" || roomId === null || roomId === "") {
      return new Response("not found\n", { status: 404 });
    }
    if (request.headers.get("Upgrade") !== "websocket") {
      return new Response("this address speaks WebSocket only\n", { status: 426 });
    }
    return env.ROOM.get(env.ROOM.idFromName(roomId)).fetch(request);
  },
} satisfies ExportedHandler<Bindings>;

export class RoomState extends DurableObject<Bindings> {
  readonly #participants = new Map<string, WebSocket>();
  readonly #seats = new Map<WebSocket, Seat>();

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env);
    for (const socket of ctx.getWebSockets()) {
      const seat = socket.deserializeAttachment() as Seat | null;
      if (seat !== null) {
        this.#seat(socket, seat);
      }
    }
  }

  override fetch(): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  override webSocketMessage(socket: WebSocket, data: string | ArrayBuffer): void {
    const message = typeof data === "string" ? parse(data) : undefined;
    switch (message?.type) {
      case "CREATE_ROOM":
      case "JOIN_ROOM":
        this.#join(socket, message);
        break;
      case "WEBRTC_OFFER":
      case "WEBRTC_ANSWER":
      case "WEBRTC_ICE_CANDIDATE":
        this.#relay(socket, message, data as string);
        break;
      default:
        refuse(socket, "UNKNOWN_TYPE");
    }
  }

  override webSocketClose(socket: WebSocket): void {
    this.#forget(socket);
  }

  override webSocketError(socket: WebSocket): void {
    this.#forget(socket);
  }

  #join(socket: WebSocket, { roomId, userId }: Message): void {
    if (typeof roomId !== "string" || roomId !== this.ctx.id.name) {
      refuse(socket, "ROOM_MISMATCH");
    } else if (typeof userId !== "string" || userId === "") {
      refuse(socket, "INVALID_USER_ID");
    } else if (this.#participants.has(userId) || this.#seats.has(socket)) {
      refuse(socket, "USER_ID_TAKEN");
    } else {
      const seat: Seat = { roomId, userId };
      socket.serializeAttachment(seat);
      this.#seat(socket, seat);
      socket.send(JSON.stringify({ type: "ROOM_JOINED", roomId, userId, users: [...this.#participants.keys()] }));
    }
  }

  #relay(socket: WebSocket, message: Message, text: string): void {
    const seat = this.#seats.get(socket);
    if (seat === undefined) {
      refuse(socket, "NOT_SEATED");
    } else if (message.roomId !== seat.roomId) {
      refuse(socket, "ROOM_MISMATCH");
    } else if (message.userId !== seat.userId) {
      refuse(socket, "WRONG_USER");
    } else {
      const target = typeof message.targetUserId === "string" ? this.#participants.get(message.targetUserId) : undefined;
      if (target === undefined) {
        refuse(socket, "TARGET_NOT_FOUND");
      } else {
        target.send(text);
      }
    }
  }

  #seat(socket: WebSocket, seat: Seat): void {
    this.#participants.set(seat.userId, socket);
    this.#seats.set(socket, seat);
  }

  #forget(socket: WebSocket): void {
    const seat = this.#seats.get(socket);
    if (seat !== undefined) {
      this.#participants.delete(seat.userId);
      this.#seats.delete(socket);
    }
  }
}

/** The object that a frame is, or undefined if it is something else. */
function parse(text: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function refuse(socket: WebSocket, code: string): void {
  socket.send(JSON.stringify({ type: "ERROR", code }));
}
