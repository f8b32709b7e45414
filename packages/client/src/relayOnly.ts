// What a room whose iceTransportPolicy is relay asks of its offers, answers and candidates: no
// address but those of TURN servers. The server lets nothing else pass; a browser that is told to
// relay makes nothing else, except that some show in raddr where a relay was asked from.

import type { IceCandidate, SessionDescription } from "@usher/types";

/** The part of a signaling message that can show addresses. */
interface Signal {
  offer?: SessionDescription;
  answer?: SessionDescription;
  candidate?: IceCandidate;
}

/** The same without addresses; undefined if nothing would be left of it. */
export function withoutAddresses<T extends object>(signal: T): T | undefined {
  const { offer, answer, candidate } = signal as Signal;
  if (candidate !== undefined) {
    const line = candidate.candidate === undefined ? undefined : relayed(candidate.candidate);
    return line === "" && candidate.candidate !== "" ? undefined : { ...signal, candidate: line === undefined ? candidate : { ...candidate, candidate: line } };
  }
  return { ...signal, ...(offer && { offer: cleaned(offer) }), ...(answer && { answer: cleaned(answer) }) };
}

function cleaned(description: SessionDescription): SessionDescription {
  const lines = description.sdp?.split(/\r\n|[\r\n]/) ?? [];
  const kept = lines.map((line) => (/^\s*a=candidate/i.test(line) ? relayed(line) : line)).filter((line, i) => line !== "" || lines[i] === "");
  const relays = kept.flatMap((line) => /^a=candidate:\S+ \d+ \S+ \d+ (\S+) /i.exec(line)?.[1] ?? []);
  return description.sdp === undefined ? description : { ...description, sdp: kept.map((line) => toRelay(line, relays)).join("\r\n") };
}

/**
 * A line that says where media goes (c=, a=rtcp) with no address but that of a relay; ICE does not
 * need it.
 */
function toRelay(line: string, relays: readonly string[]): string {
  const [, before, address = ""] = /^((?:c=|a=rtcp:\d+ )IN IP[46] )(.*)$/i.exec(line) ?? [];
  return before === undefined || relays.includes(address) ? line : `${before.slice(0, -2)}${/6 $/.test(before) ? "6 ::" : "4 0.0.0.0"}`;
}

/** A candidate line without its raddr, "" if it is not of type relay. */
function relayed(line: string): string {
  return / typ relay( |$)/.test(line) ? line.replace(/ raddr \S+ rport \d+/, / raddr \S*:/.test(line) ? " raddr :: rport 0" : " raddr 0.0.0.0 rport 0") : "";
}

/**
 * Reports whether a connection goes through a TURN server now: it then needs new candidates when
 * its credentials expire.
 */
export async function isRelayed(connection: RTCPeerConnection): Promise<boolean> {
  const stats = new Map<string, Record<string, unknown>>();
  (await connection.getStats()).forEach((report: Record<string, unknown>) => stats.set(String(report["id"]), report));
  return [...stats.values()].some(({ type, state, nominated, localCandidateId }) => {
    const isUsed = type === "candidate-pair" && state === "succeeded" && nominated === true;
    return isUsed && stats.get(String(localCandidateId))?.["candidateType"] === "relay";
  });
}
