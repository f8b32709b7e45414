// The package as its users get it: how large it is, and that it installs and compiles where only the two packages are.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const root = path.resolve(import.meta.dirname, "../../..");
const kilobyte = 1024;

/** What a bundler makes of a page that uses these names alone. */
async function bundle(names: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `import { ${names} } from "@usher/client"; console.log(${names});`, resolveDir: import.meta.dirname },
    bundle: true,
    minify: true,
    format: "esm",
    target: "chrome116",
    write: false,
  });
  return outputFiles[0]?.text ?? "";
}

const gzipped = (text: string): number => gzipSync(text, { level: 9 }).byteLength;

test("the client is at most 8 KB gzipped, and 14 KB with the mesh", async (context) => {
  const client = await bundle("RoomClient");
  const mesh = await bundle("RoomClient, PeerMesh");
  context.diagnostic(
    `RoomClient ${gzipped(client)} bytes, with PeerMesh ${gzipped(mesh)}, with VideoSync ${gzipped(await bundle("RoomClient, PeerMesh, VideoSync"))}`,
  );
  assert.ok(client.length > kilobyte && gzipped(client) <= 8 * kilobyte);
  assert.ok(mesh.length > client.length && gzipped(mesh) <= 14 * kilobyte);
});

test("what is not used is left out", async () => {
  const client = await bundle("RoomClient");
  assert.doesNotMatch(client, /createDataChannel|playbackRate/);
  assert.match(client, /JOIN_ROOM/);
});

test("the two packages are all that one installs", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "usher-install-"));
  const run = (command: string, args: string[], cwd = folder): string =>
    execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  try {
    const packed = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder, "-w", "packages/types", "-w", "packages/client"], root)) as unknown;
    // An array, or with newer versions of npm an object by name.
    const files = Object.values(packed as Record<string, { filename: string; files: { path: string }[] }>);
    assert.ok(
      files.every(
        (file) => file.files.some(({ path: name }) => name === "dist/index.js.map") && file.files.some(({ path: name }) => name === "dist/index.d.ts"),
      ),
    );
    writeFileSync(path.join(folder, "package.json"), `{ "private": true, "type": "module" }`);
    run("npm", ["install", "--offline", "--no-audit", "--no-fund", ...files.map((file) => `./${file.filename.replace("@", "").replace("/", "-")}`)]);
    writeFileSync(
      path.join(folder, "page.ts"),
      `import { PeerMesh, RoomClient, VideoSync, webStore, type Route } from "@usher/client";
import type { RoomState } from "@usher/types";
const client = new RoomClient({ url: "wss://example.org/ws", store: webStore(sessionStorage) });
const mesh = new PeerMesh(client);
const sync = new VideoSync(document.querySelector("video")!, mesh, { source: () => location.href, open: (url: string) => location.assign(url) });
client.on("room", (room: RoomState) => console.log(room.users.map((user) => [user.name, mesh.route(user.id) satisfies Route]), sync.driftMs));
`,
    );
    run(path.join(root, "node_modules/.bin/tsc"), [
      "--strict",
      "--noEmit",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--lib",
      "es2022,dom",
      "--types",
      "",
      "page.ts",
    ]);
    run("node", ["--input-type=module", "-e", `import { RoomClient } from "@usher/client"; new RoomClient({ url: "ws://localhost/ws" });`]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
