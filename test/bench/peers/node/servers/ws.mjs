// A signaling server on ws as its README and the usual tutorials write one: rooms in a Map, JSON in
// and out.

import { WebSocketServer } from "ws";
import { host, httpServer, port } from "./listen.mjs";

/** Room id to its people by id. */
const rooms = new Map();
const server = httpServer();
const sockets = new WebSocketServer({ server, path: "/ws", perMessageDeflate: false, maxPayload: 64 * 1024 });

const send = (socket, message) => socket.send(JSON.stringify(message));

sockets.on("connection", (socket) => {
  let room;
  let id;
  socket.isAlive = true;
  socket.on("pong", () => (socket.isAlive = true));
  socket.on("error", () => socket.terminate());
  socket.on("message", (data) => {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      socket.close(1007, "not JSON");
      return;
    }
    switch (message.type) {
      case "join":
        if (room || typeof message.room !== "string" || typeof message.id !== "string") return;
        room = rooms.get(message.room) ?? new Map();
        if (room.has(message.id)) {
          room = undefined;
          send(socket, { type: "error", error: "id taken" });
          return;
        }
        id = message.id;
        rooms.set(message.room, room);
        room.name = message.room;
        send(socket, { type: "joined", people: [...room.keys()] });
        for (const other of room.values()) send(other, { type: "came", id });
        room.set(id, socket);
        break;
      case "offer":
      case "answer":
      case "candidate": {
        const target = room?.get(message.to);
        if (!target) send(socket, { type: "error", error: "nobody of that id" });
        else send(target, { ...message, from: id });
        break;
      }
      case "broadcast": {
        if (!room) return;
        const text = JSON.stringify({ ...message, from: id });
        for (const other of room.values()) if (other !== socket) other.send(text);
        break;
      }
    }
  });
  socket.on("close", () => {
    if (!room) return;
    room.delete(id);
    if (room.size === 0) rooms.delete(room.name);
    for (const other of room.values()) send(other, { type: "left", id });
  });
});

// The heartbeat of ws's README.
setInterval(() => {
  for (const socket of sockets.clients) {
    if (!socket.isAlive) {
      socket.terminate();
      continue;
    }
    socket.isAlive = false;
    socket.ping();
  }
}, 30_000);

server.listen(port, host);
