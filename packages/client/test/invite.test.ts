import assert from "node:assert/strict";
import { test } from "node:test";

import { inviteIn, newRoomId, roomIdIn } from "@usher/client";

const id = "AbCdEfGhIjKlMnOpQr-_09"; // 22 characters, as newRoomId makes them
const link = `https://example.org/usher/#${id}`;

test("an invite opens its room whatever was put around it", () => {
  assert.equal(id.length, newRoomId().length);
  const rows: [what: string, text: string][] = [
    ["a link", link],
    ["its fragment", `#${id}`],
    ["a bare code", id],
    ["spaces and line ends", ` \t${link} \r\n`],
    ["a full stop", `${link}.`],
    ["the end of a sentence", `${link}?!…`],
    ["a comma and more words", `${link}, at eight?`],
    ["words before it", `Come to ${link}`],
    ["words around it, over lines", `Come!\n${link}\nAt eight, room 7.`],
    ["a closing bracket", `${link})`],
    ["all brackets", `([{<${link}>}])`],
    ["Markdown", `[film](${link})`],
    ["emphasis", `**${link}**`],
    ["emphasis by underscores", `_${link}_`],
    ["emphasis by tildes", `~${link}~`],
    ["code", `\`${link}\``],
    ["mail", `<${link}>`],
    ["straight quotes", `"${link}"`],
    ["single quotes", `'${link}'`],
    ["typographic quotes", `„${link}“`],
    ["French quotes", `« ${link} »`],
    ["HTML", `<a href="${link}">film</a>`],
    ["HTML, escaped", `&lt;${link}&gt;`],
    ["HTML, escaped by numbers", `&#39;${link}&#39;`],
    ["a slash", `${link}/`],
    ["a counter of clicks", `${link}?utm_source=chat&fbclid=AbCdEf123456`],
    ["a parameter", `${link}&si=123456`],
    ["a zero-width space", `${link}\u200B`],
    ["a byte order mark", `\uFEFF${link}`],
    ["a joiner in the middle", link.replace("GhIj", "Gh\u2060Ij")],
    ["a soft hyphen", link.replace("GhIj", "Gh\u00ADIj")],
    ["right-to-left marks", `\u200F${link}\u202C`],
    ["an encoded full stop", `${link}%2E`],
    ["an encoded bracket", `${link}%29`],
    ["encoded quotes", `%22${link}%22`],
    ["an encoded zero-width space", `${link}%E2%80%8B`],
    ["an encoded no-break space", `${link}%C2%A0`],
    ["an encoded space and word", `${link}%20now`],
    ["an encoding that was cut off", `${link}%E2%8`],
    ["an encoding that is none", `${link}%`],
    ["an encoded fragment", link.replace("#", "%23")],
    ["an encoded link in a link", `https://chat.example/out?to=${encodeURIComponent(link)}`],
    ["an encoded link, twice", `https://chat.example/out?to=${encodeURIComponent(encodeURIComponent(link))}`],
    ["an ellipsis after a whole id", `${link}…`],
    ["a hashtag after it", `${link} #movienight`],
    ["a hashtag before it", `#movienight ${link}`],
    ["hashtags around it", `#film #tonight ${link} #movienight #room-1234567`],
    ["a fragment of its own", `${link}#comments`],
    ["another room after it", `${link} or https://example.org/#room_2345`],
    ["a code in quotes", `"${id}"`],
    ["a code and a full stop", `${id}.`],
    ["a code and a zero-width space", `\u200B${id}%E2%80%8B`],
  ];
  for (const [what, text] of rows) {
    assert.equal(roomIdIn(text), id, what);
  }
});

test("ids that other clients choose are found as well", () => {
  for (const own of ["room_1", "room-1732580000000-abc123xyz", "a".repeat(50), "______"]) {
    assert.equal(roomIdIn(`(https://example.org/#${own}).`), own);
    assert.equal(roomIdIn(own), own);
    assert.equal(roomIdIn(`#movienight: https://example.org/#${own} #tonight`), own);
  }
});

test("a broken invite names no room", () => {
  const rows: [what: string, text: string][] = [
    ["nothing", ""],
    ["only the mark", "#"],
    ["only punctuation", "#."],
    ["a page without a room", "https://example.org/"],
    ["a page without a room and with a port", "http://localhost:8787/"],
    ["half a code", "https://example.org/#AbCd"],
    ["a shortened link", "https://example.org/#AbCdEfGh…"],
    ["a shortened link, with full stops", "https://example.org/#AbCdEfGh..."],
    ["two codes as one", `#${id}${id}${id}`],
    ["words", "come and see"],
    ["only an encoding", "#%E2%80%8B"],
  ];
  for (const [what, text] of rows) {
    assert.equal(roomIdIn(text), "", what);
  }
});

test("an invite that is cut off is no open door", () => {
  const whole = "eyJhbGciOi.eyJyb29t.c2lnbmVk";
  const rows: [what: string, text: string, invite: string][] = [
    ["a whole one", `${link}?invite=${whole}`, whole],
    ["the end of a sentence", `${link}?invite=${whole}.`, whole],
    ["the signature cut", `${link}?invite=eyJhbGciOi.eyJyb29t.c2`, "eyJhbGciOi.eyJyb29t.c2"],
    ["the signature missing", `${link}?invite=eyJhbGciOi.eyJyb29t…`, "eyJhbGciOi.eyJyb29t"],
    ["only the beginning", `${link}?invite=eyJ`, "eyJ"],
    ["only its name", `${link}?invite=`, "?"],
    ["none", link, ""],
    ["another parameter", `${link}?invited=yes`, ""],
  ];
  for (const [what, text, invite] of rows) {
    assert.equal(inviteIn(text), invite, what);
  }
});
