import { env } from "cloudflare:workers";

import { secretBytes } from "../src/abi";
import { Client } from "./client";
import { harness } from "./worker";

/** A client of a room. */
export class Person {
  private constructor(
    readonly client: Client,
    readonly roomId: string,
    readonly userId: string,
  ) {}

  static async open(roomId: string, userId: string): Promise<Person> {
    return new Person(await Client.open(`/ws?roomId=${roomId}`), roomId, userId);
  }

  say(type: string, fields: Record<string, unknown> = {}): void {
    this.client.say(type, { roomId: this.roomId, userId: this.userId, ...fields });
  }

  /** Takes a seat and returns the token. */
  async join(type: "CREATE_ROOM" | "JOIN_ROOM", fields: Record<string, unknown> = {}): Promise<string> {
    harness.secret = crypto.getRandomValues(new Uint8Array(secretBytes));
    this.say(type, { userName: this.userId, protocol: 1, ...fields });
    const reply = await this.client.frame(type === "CREATE_ROOM" ? "ROOM_CREATED" : "ROOM_JOINED");
    return reply["resumeToken"] as string;
  }

  offer(to: string, sdp = "v=0"): void {
    this.say("WEBRTC_OFFER", { targetUserId: to, offer: { type: "offer", sdp } });
  }
}

/** Two people in a room, the first its host. */
export async function pair(roomId: string): Promise<{ ann: Person; bob: Person; annToken: string; bobToken: string }> {
  const ann = await Person.open(roomId, "ann");
  const annToken = await ann.join("CREATE_ROOM");
  const bob = await Person.open(roomId, "bob");
  const bobToken = await bob.join("JOIN_ROOM");
  return { ann, bob, annToken, bobToken };
}

export function objectOf(roomId: string): DurableObjectStub {
  return env.ROOM.getByName(roomId);
}
