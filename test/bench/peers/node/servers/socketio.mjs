// A signaling server on Socket.IO: its rooms, an acknowledged join, and io.to(id) for one socket.

import { Server } from "socket.io";
import { host, httpServer, port } from "./listen.mjs";

const server = httpServer();
const io = new Server(server, { transports: ["websocket"], perMessageDeflate: false, serveClient: false });

io.on("connection", (socket) => {
  socket.on("join", (room, done) => {
    if (typeof room !== "string" || typeof done !== "function") return;
    socket.data.room = room;
    socket.join(room);
    socket.to(room).emit("came", { id: socket.id });
    done({ id: socket.id, people: [...(io.sockets.adapter.rooms.get(room) ?? [])] });
  });
  for (const type of ["offer", "answer", "candidate"]) {
    socket.on(type, (message) => {
      const target = io.sockets.sockets.get(message?.to);
      if (!target || target.data.room !== socket.data.room) socket.emit("refused", { error: "nobody of that id" });
      else target.emit(type, { ...message, from: socket.id });
    });
  }
  socket.on("broadcast", (message) => socket.to(socket.data.room).emit("broadcast", { ...message, from: socket.id }));
  socket.on("disconnect", () => socket.to(socket.data.room).emit("left", { id: socket.id }));
});

server.listen(port, host);
