// What a peer connection has tried, for the server, which tells both sides why there is no direct
// path. No address leaves this file.

import type { Outgoing, PeerConfiguration } from "./signaling.js";

/** A report, without whom it is about. */
export type PathReport = Omit<Extract<Outgoing, { type: "PATH_REPORT" }>, "targetUserId">;

/**
 * How long a connection may take before it is reported to have no path, ms: less than Watch gives
 * one try.
 */
const patienceMs = 10_000;

/** What the candidates of one side are. */
interface Gathered {
  types: Set<string>;
  hasAddress: boolean;
  isIPv4: boolean;
  isIPv6: boolean;
}

/** Reports that the connection works, that it has failed, or that it takes too long. */
export function watchPath(connection: RTCPeerConnection, { iceServers }: PeerConfiguration, report: (path: PathReport) => void): void {
  const gathered: Gathered = { types: new Set(), hasAddress: false, isIPv4: false, isIPv6: false };
  const urls = iceServers.flatMap((server) => server.urls);
  const tell = (path: PathReport["path"]): void => report(reportOf(path, gathered, urls));
  const timer = setTimeout(() => {
    if (connection.connectionState !== "connected" && connection.connectionState !== "closed") {
      tell("NONE");
    }
  }, patienceMs);
  // A program for Node.js need not wait for it.
  (timer as unknown as { unref?: () => void }).unref?.();
  connection.addEventListener("icecandidate", ({ candidate }) => note(gathered, candidate?.candidate ?? ""));
  connection.addEventListener("connectionstatechange", () => {
    if (connection.connectionState === "connected") {
      clearTimeout(timer);
      void isRelaying(connection).then((relays) => relays !== undefined && tell(relays ? "RELAYED" : "DIRECT"));
    } else if (connection.connectionState === "failed") {
      clearTimeout(timer);
      tell("NONE");
    }
  });
}

/** Reads a candidate line (RFC 8839, section 5.1). */
function note(gathered: Gathered, line: string): void {
  const [, , , , address = "", , , type = ""] = line.split(" ");
  if (type === "") {
    return; // the end of the candidates
  }
  gathered.types.add(type);
  if (!address.endsWith(".local")) {
    gathered.hasAddress ||= type === "host";
    gathered.isIPv6 ||= address.includes(":");
    gathered.isIPv4 ||= !address.includes(":");
  }
}

function reportOf(path: PathReport["path"], { types, hasAddress, isIPv4, isIPv6 }: Gathered, urls: string[]): PathReport {
  const isTURN = urls.some((url) => url.startsWith("turn"));
  const isAnswered = types.has("srflx") || types.has("relay");
  const family = isIPv4 && isIPv6 ? "BOTH" : isIPv4 ? "IPV4" : "IPV6";
  return {
    type: "PATH_REPORT",
    path,
    hostCandidates: hasAddress ? "ADDRESS" : types.has("host") ? "MDNS" : "NONE",
    ...((isIPv4 || isIPv6) && { family }),
    stun: isAnswered ? "ANSWERED" : urls.length > 0 ? "SILENT" : "NONE",
    turn: types.has("relay") ? "ALLOCATED" : isTURN ? "FAILED" : "NONE",
  };
}

/**
 * Whether either side of the path in use is a TURN server's; undefined if none is in use after all.
 */
async function isRelaying(connection: RTCPeerConnection): Promise<boolean | undefined> {
  // The side that does not nominate may be connected before its statistics say by which pair.
  const tries = 10;
  const waitMs = 300;
  for (let n = 0; n < tries && connection.connectionState === "connected"; n++) {
    const stats = new Map<string, Record<string, unknown>>();
    try {
      (await connection.getStats()).forEach((entry: Record<string, unknown>) => stats.set(String(entry["id"]), entry));
    } catch {
      return undefined; // closed meanwhile
    }
    const used = [...stats.values()].filter(({ type, state, nominated }) => type === "candidate-pair" && state === "succeeded" && nominated === true);
    if (used.length > 0) {
      return used.some((pair) => ["localCandidateId", "remoteCandidateId"].some((end) => stats.get(String(pair[end]))?.["candidateType"] === "relay"));
    }
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  return undefined;
}
