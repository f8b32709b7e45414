// What people paste: an invite link or a room code, with what chat programs, mail programs and
// sentences put around it.

/** How long the ids are that newRoomId makes. */
const ownIdLength = 22;
const roomId = /^[A-Za-z0-9_-]{6,50}$/;
/** Characters that nobody sees, which travel with copied text. */
const unseen = /[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu;

/**
 * Finds the room id in an invite link (ORIGIN/#ROOM) or a room code as people paste it, with
 * punctuation, quotes, spaces, percent-encoding or invisible characters around it. Returns "" if
 * there is none, or only a part of one.
 */
export function roomIdIn(text: string): string {
  const parts = decoded(text).replace(unseen, "").split("#");
  const found = parts.slice(1).map((part, n) => ({ id: idAtStart(part), isLink: (parts[n] ?? "").endsWith("/") }));
  // Chat programs and sentences have other words after a #: what newRoomId makes goes before them,
  // then what follows an address.
  const links = found.filter(({ id }) => id !== "");
  const best = links.find(({ id }) => id.length === ownIdLength) ?? links.find(({ isLink }) => isLink) ?? links[0];
  return best?.id ?? (parts.length === 1 ? bareId(parts[0] ?? "") : "");
}

/**
 * Finds the invite in an invite link (ORIGIN/#ROOM?invite=INVITE). Returns "" if there is none. Of
 * one that is cut off it returns what is left, "?" if that is nothing: the server refuses it as
 * INVALID_INVITE, and does not let somebody in with another role than the link gave.
 */
export function inviteIn(text: string): string {
  const [, invite] = /[?&]invite=([A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+){0,2})/.exec(decoded(text).replace(unseen, "")) ?? [];
  return invite === "" ? "?" : (invite ?? "");
}

/**
 * A fragment may be followed by anything that is not of the id: the rest of a sentence, or what a
 * chat program counts clicks with.
 */
function idAtStart(fragment: string): string {
  const [, id = "", rest = ""] = /^[^A-Za-z0-9_-]*([A-Za-z0-9_-]+)(.*)$/s.exec(fragment) ?? [];
  // The text of a link that was too long to show.
  const isCut = /^(…|\.\.\.)/.test(rest) && id.length !== ownIdLength;
  return isCut ? "" : checked(id);
}

function bareId(text: string): string {
  return checked(/^[^A-Za-z0-9_-]*([A-Za-z0-9_-]+)[^A-Za-z0-9_-]*$/s.exec(text)?.[1] ?? "");
}

function checked(id: string): string {
  // Some chats mark text by _underscores_ or -dashes-, which an id may have, too.
  const own = new RegExp(`^([A-Za-z0-9_-]{${ownIdLength}})[-_]+$`).exec(id)?.[1] ?? id;
  return roomId.test(own) ? own : "";
}

/** Percent-encoding undone, also where it was applied twice; what is none stays as it is. */
function decoded(text: string): string {
  const once = text.replace(/(%[0-9a-f]{2})+/gi, (code) => {
    try {
      return decodeURIComponent(code);
    } catch {
      return "\uFFFD"; // cut in the middle of a character
    }
  });
  return once === text ? once : decoded(once);
}
