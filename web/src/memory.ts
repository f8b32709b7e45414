// What the browser keeps for the page: in the tab over a reload, or for the next visit.

import type { AnnouncedMode } from "@usher/client";

const nameKey = "usher.name";
const modeKey = "usher.mode";

/** The room of the seat that this tab keeps, or "". */
export function keptRoom(): string {
  try {
    const seat: unknown = JSON.parse(sessionStorage.getItem("usher.seat") ?? "null");
    return (seat as { roomId?: string } | null)?.roomId ?? "";
  } catch {
    return ""; // the browser blocks site data
  }
}

export function rememberedName(): string {
  try {
    return localStorage.getItem(nameKey) ?? "";
  } catch {
    return ""; // storage is switched off
  }
}

export function rememberName(name: string): void {
  try {
    localStorage.setItem(nameKey, name);
  } catch {
    // The page asks for it again next time.
  }
}

/** The control mode that a host announced past the server before this tab was reloaded, if any. */
export function keptMode(): AnnouncedMode | undefined {
  try {
    const { mode, hostId, serversMode } = JSON.parse(sessionStorage.getItem(modeKey) ?? "{}") as Partial<AnnouncedMode>;
    const isMode = (text: unknown): text is AnnouncedMode["mode"] => text === "HOST_ONLY" || text === "FREE_FOR_ALL";
    return isMode(mode) && isMode(serversMode) && typeof hostId === "string" ? { mode, hostId, serversMode } : undefined;
  } catch {
    return undefined; // the browser blocks site data
  }
}

export function keepMode(announced: AnnouncedMode | undefined): void {
  try {
    if (announced === undefined) {
      sessionStorage.removeItem(modeKey);
    } else {
      sessionStorage.setItem(modeKey, JSON.stringify(announced));
    }
  } catch {
    // After a reload the server's mode is shown, until the host says more.
  }
}
