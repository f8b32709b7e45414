// A signaling room on Colyseus. Rooms are found by their code, and messages are msgpack as its
// clients send them.

import { Room, Server } from "@colyseus/core";
import { WebSocketTransport } from "@colyseus/ws-transport";
import { healthy, host, httpServer, port } from "./listen.mjs";

class Signaling extends Room {
  maxClients = 250;
  patchRate = null; // no state to synchronise

  onCreate() {
    for (const type of ["offer", "answer", "candidate"]) {
      this.onMessage(type, (client, message) => {
        const target = this.clients.getById(message.to);
        if (!target) client.send("refused", { error: "nobody of that id" });
        else target.send(type, { ...message, from: client.sessionId });
      });
    }
    this.onMessage("broadcast", (client, message) => {
      this.broadcast("broadcast", { ...message, from: client.sessionId }, { except: client });
    });
  }

  onJoin(client) {
    this.broadcast("came", { id: client.sessionId }, { except: client });
  }

  onLeave(client) {
    this.broadcast("left", { id: client.sessionId });
  }
}

const transport = new WebSocketTransport({ server: httpServer((request, response) => {
  if (request.url === "/health") healthy(request, response);
}), perMessageDeflate: false });
const server = new Server({ transport, greet: false });
server.define("signaling", Signaling).filterBy(["code"]);
await server.listen(port, host);
