// A signaling room on PartyServer, hibernating: the room's connections by their ids, JSON in and
// out.

import { type Connection, routePartykitRequest, Server } from "partyserver";

interface Bindings extends Cloudflare.Env {
  readonly Signaling: DurableObjectNamespace<Signaling>;
}

export class Signaling extends Server<Bindings> {
  static override options = { hibernate: true };

  override onConnect(connection: Connection): void {
    const people = [...this.getConnections()].map((other) => other.id);
    connection.send(JSON.stringify({ type: "joined", people }));
    this.broadcast(JSON.stringify({ type: "came", id: connection.id }), [connection.id]);
  }

  override onMessage(connection: Connection, data: string | ArrayBuffer | ArrayBufferView): void {
    const message = JSON.parse(data as string);
    const text = JSON.stringify({ ...message, from: connection.id });
    if (message.type === "broadcast") {
      this.broadcast(text, [connection.id]);
      return;
    }
    const target = this.getConnection(message.to);
    if (target) target.send(text);
    else connection.send(JSON.stringify({ type: "error", error: "nobody of that id" }));
  }

  override onClose(connection: Connection): void {
    this.broadcast(JSON.stringify({ type: "left", id: connection.id }), [connection.id]);
  }
}

export default {
  async fetch(request, env): Promise<Response> {
    if (new URL(request.url).pathname === "/health") return new Response("healthy\n");
    return (await routePartykitRequest(request, env)) ?? new Response("not found\n", { status: 404 });
  },
} satisfies ExportedHandler<Bindings>;
