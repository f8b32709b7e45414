// TCP connections of which every byte is ours, read as HTTP and as WebSocket frames.

import net from "node:net";

import { until, type Dev } from "./dev.ts";

/** The opcodes that the tests send or look at (RFC 6455, section 5.2). */
export const Opcode = { text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface Frame {
  readonly opcode: number;
  readonly payload: Buffer;
}

const endOfHead = "\r\n\r\n";

/** A handshake without its last empty line, so that a test can add a header. */
export function handshake(dev: Dev, target: string): string[] {
  const key = Buffer.alloc(16).toString("base64");
  return [
    `GET ${target} HTTP/1.1`,
    `Host: ${dev.address}`,
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
  ];
}

export class RawSocket {
  /** The head of the response, "" before it came. */
  head = "";
  /** What came after the head of a response that is no WebSocket. */
  body = "";
  readonly frames: Frame[] = [];
  /** The server has ended the connection, in whatever way. */
  ended = false;
  readonly #socket: net.Socket;
  #unread = Buffer.alloc(0);

  private constructor(dev: Dev) {
    const { hostname, port } = new URL(`http://${dev.address}`);
    // Half-open, so that only the server ends the connection.
    this.#socket = net.connect({ port: Number(port), host: hostname, allowHalfOpen: true });
    this.#socket.on("data", (data) => this.#read(data));
    for (const end of ["end", "error", "close"]) {
      this.#socket.on(end, () => (this.ended = true));
    }
  }

  /**
   * Sends a request, lines without their ends, and waits for the head of the response or the end of
   * the connection.
   */
  static async ask(dev: Dev, lines: readonly string[], body = ""): Promise<RawSocket> {
    const socket = new RawSocket(dev);
    socket.write(lines.join("\r\n") + endOfHead + body);
    await until(`a response to ${lines[0]}`, () => socket.head !== "" || socket.ended);
    return socket;
  }

  /** Opens a WebSocket for a room. */
  static async open(dev: Dev, roomId: string, ...headers: string[]): Promise<RawSocket> {
    const socket = await RawSocket.ask(dev, [...handshake(dev, `/ws?roomId=${roomId}`), ...headers]);
    if (socket.status !== 101) {
      throw new Error(`no WebSocket: ${socket.head} ${socket.body}`);
    }
    return socket;
  }

  /** The status of the response, 0 if there was none. */
  get status(): number {
    return Number(/^HTTP\/1\.[01] (\d+)/.exec(this.head)?.[1] ?? 0);
  }

  /** A header of the response, undefined if it has none of that name. */
  header(name: string): string | undefined {
    return new RegExp(`^${name}: *(.*)$`, "im").exec(this.head)?.[1];
  }

  /** The texts that came so far. */
  get texts(): string[] {
    return this.frames.filter(({ opcode }) => opcode === Opcode.text).map(({ payload }) => payload.toString());
  }

  /** The close frames that came so far: each as its code and reason, "" for an empty one. */
  get closes(): string[] {
    return this.frames
      .filter(({ opcode }) => opcode === Opcode.close)
      .map(({ payload }) => (payload.length < 2 ? "" : `${payload.readUInt16BE(0)} ${payload.subarray(2).toString()}`.trim()));
  }

  write(bytes: string | Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** Sends a frame, masked (RFC 6455, section 5.2). */
  send(opcode: number, payload: string | Uint8Array): void {
    const bytes = Buffer.from(payload as Uint8Array);
    const mask = [1, 2, 3, 4];
    const length =
      bytes.length < 126
        ? [bytes.length]
        : bytes.length < 1 << 16
          ? [126, bytes.length >> 8, bytes.length & 0xff]
          : [127, 0, 0, 0, 0, ...Buffer.from(Uint32Array.of(bytes.length).buffer).reverse()];
    const head = [0x80 | opcode, 0x80 | (length[0] ?? 0), ...length.slice(1), ...mask];
    this.write(Buffer.concat([Buffer.from(head), bytes.map((byte, i) => byte ^ (mask[i % 4] ?? 0))]));
  }

  say(message: Record<string, unknown>): void {
    this.send(Opcode.text, JSON.stringify(message));
  }

  /** Sends a close frame: empty without a code. */
  close(code?: number, reason: string | Uint8Array = ""): void {
    const payload = code === undefined ? "" : Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason as Uint8Array)]);
    this.send(Opcode.close, payload);
  }

  /** Takes a seat. */
  async join(type: "CREATE_ROOM" | "JOIN_ROOM", roomId: string, userId: string, fields: Record<string, unknown> = {}): Promise<void> {
    this.say({ type, roomId, userId, userName: userId, ...fields });
    const reply = type === "CREATE_ROOM" ? "ROOM_CREATED" : "ROOM_JOINED";
    await until(`${userId} gets ${reply}`, () => this.texts.some((text) => text.startsWith(`{"type":"${reply}"`)));
  }

  /** Ends our half of the connection. */
  end(): void {
    this.#socket.end();
  }

  /** Ends the connection without a close frame, by a reset. */
  cut(): void {
    this.#socket.resetAndDestroy();
  }

  #read(data: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, data]);
    if (this.head === "") {
      const end = this.#unread.indexOf(endOfHead);
      if (end < 0) {
        return;
      }
      this.head = this.#unread.subarray(0, end).toString("latin1").replaceAll("\r\n", "\n");
      this.#unread = this.#unread.subarray(end + endOfHead.length);
    }
    if (this.status !== 101) {
      this.body += this.#unread.toString();
      this.#unread = Buffer.alloc(0);
      return;
    }
    for (let frame = this.#frame(); frame !== undefined; frame = this.#frame()) {
      this.frames.push(frame);
    }
  }

  /** Takes the next whole frame of the server's, which masks none and fragments none. */
  #frame(): Frame | undefined {
    const b = this.#unread;
    if (b.length < 2) {
      return undefined;
    }
    const short = (b[1] ?? 0) & 0x7f;
    const at = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (b.length < at) {
      return undefined;
    }
    const length = short < 126 ? short : short === 126 ? b.readUInt16BE(2) : Number(b.readBigUInt64BE(2));
    if (b.length < at + length) {
      return undefined;
    }
    this.#unread = b.subarray(at + length);
    return { opcode: (b[0] ?? 0) & 0x0f, payload: Buffer.from(b.subarray(at, at + length)) };
  }
}
