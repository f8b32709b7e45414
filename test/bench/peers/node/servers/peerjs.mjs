// PeerJS's own server, as its README starts it; more people than its default of 5 000 may come.

import { PeerServer } from "peer";
import { host, port, tls } from "./listen.mjs";

PeerServer({ host, port, path: "/", key: "peerjs", concurrent_limit: 100_000, ssl: tls, alive_timeout: 3_600_000 });
