// y-webrtc's own signaling server, unchanged but for the address: it reads PORT itself, and listens
// everywhere.

import { Server } from "node:net";
import { host } from "./listen.mjs";

const listen = Server.prototype.listen;
Server.prototype.listen = function (port) {
  return listen.call(this, port, host);
};
await import("../node_modules/y-webrtc/bin/server.js");
