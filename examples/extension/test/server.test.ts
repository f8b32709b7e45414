import assert from "node:assert/strict";
import { test } from "node:test";

import { inviteLink, pageAddress, parseInvite, socketAddress } from "../src/server.ts";

test("the server, as people name it", () => {
  const rows: [text: string, page: string, socket: string][] = [
    ["ws://localhost:8787/ws", "http://localhost:8787/", "ws://localhost:8787/ws"],
    ["wss://example.org/ws", "https://example.org/", "wss://example.org/ws"],
    ["wss://example.org/cinema/ws/", "https://example.org/cinema/", "wss://example.org/cinema/ws"],
    ["http://localhost:8787", "http://localhost:8787/", "ws://localhost:8787/ws"],
    ["https://example.org/", "https://example.org/", "wss://example.org/ws"],
    ["https://example.org/cinema", "https://example.org/cinema/", "wss://example.org/cinema/ws"],
    ["https://example.org/cinema/#room-1", "https://example.org/cinema/", "wss://example.org/cinema/ws"],
    ["https://example.org/cinema/index.html?x=1", "https://example.org/cinema/", "wss://example.org/cinema/ws"],
    ["localhost:8787", "http://localhost:8787/", "ws://localhost:8787/ws"],
    ["localhost:8787/ws", "http://localhost:8787/", "ws://localhost:8787/ws"],
    ["127.0.0.1:8787/ws", "http://127.0.0.1:8787/", "ws://127.0.0.1:8787/ws"],
    ["[::1]:8787", "http://[::1]:8787/", "ws://[::1]:8787/ws"],
    ["example.org", "https://example.org/", "wss://example.org/ws"],
    [" WS://LOCALHOST:8787/ws\n", "http://localhost:8787/", "ws://localhost:8787/ws"],
  ];
  for (const [text, page, socket] of rows) {
    assert.equal(pageAddress(text), page, text);
    assert.equal(pageAddress(page), page, `${page}, once more`);
    assert.equal(socketAddress(page), socket, text);
  }
  for (const text of ["", "ftp://example.org/", "chrome-extension://abc/popup.html", "http://", "https://exa mple.org/", "file:///ws"]) {
    assert.equal(pageAddress(text), undefined, text);
  }
});

test("an invitation, as people paste it", () => {
  const here = "http://localhost:8787/";
  const rows: [text: string, server: string, roomId: string][] = [
    ["https://example.org/#room-1", "https://example.org/", "room-1"],
    ["https://example.org/cinema/#room-1", "https://example.org/cinema/", "room-1"],
    ["https://example.org/#room-1.", "https://example.org/", "room-1"],
    ["(https://example.org/#room-1)", "https://example.org/", "room-1"],
    ["Come to https://example.org/#room-1, at eight.", "https://example.org/", "room-1"],
    ["#room-1", here, "room-1"],
    ["room-1", here, "room-1"],
    [inviteLink("https://example.org/cinema/", "room-1"), "https://example.org/cinema/", "room-1"],
  ];
  for (const [text, server, roomId] of rows) {
    assert.deepEqual(parseInvite(text, here), { server, roomId, invite: "" }, text);
  }
  for (const text of ["", "https://example.org/", "https://example.org/#", "https://example.org/#room", "come and see"]) {
    assert.equal(parseInvite(text, here), undefined, text);
  }
  assert.equal(parseInvite("room-1", undefined), undefined, "a code needs a server");
  assert.deepEqual(parseInvite("https://example.org/#room-1", undefined), { server: "https://example.org/", roomId: "room-1", invite: "" });
  const invited = "https://example.org/#room-1?invite=a.b.c";
  assert.deepEqual(parseInvite(invited, here), { server: "https://example.org/", roomId: "room-1", invite: "a.b.c" });
});
