// The packages as their users get them: how large the client is, what is in the tarballs, and that
// they install, compile and run in an empty folder.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

import { install, pack, root, run, type Packed } from "./packed.ts";

const kilobyte = 1024;
let scratch = "";
let project = "";
let packed: Packed[] = [];

before(async () => {
  scratch = await mkdtemp(path.join(os.tmpdir(), "usher-install-"));
  project = path.join(scratch, "project");
  await mkdir(project);
  packed = await pack(scratch);
  await install(project, packed);
});
after(() => rm(scratch, { recursive: true, force: true }));

/** What a bundler makes of a page that uses only these names. */
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

test("the client is at most 10 KB gzipped, and 16 KB with the mesh", async (context) => {
  const client = await bundle("RoomClient");
  const mesh = await bundle("RoomClient, PeerMesh");
  const all = await bundle("RoomClient, PeerMesh, VideoSync");
  context.diagnostic(`RoomClient ${gzipped(client)} bytes, with PeerMesh ${gzipped(mesh)}, with VideoSync ${gzipped(all)}`);
  assert.ok(client.length > kilobyte && gzipped(client) <= 10 * kilobyte);
  assert.ok(mesh.length > client.length && gzipped(mesh) <= 16 * kilobyte);
  const readme = await readFile(path.join(root, "packages/client/README.md"), "utf8");
  const said = [...readme.matchAll(/([0-9.]+) kB/g)].map(([, figure]) => Number(figure));
  const measured = [client, mesh, all].map((text) => gzipped(text) / 1000);
  assert.equal(said.length, measured.length, "the README says three sizes");
  for (const [i, size] of measured.entries()) {
    assert.ok(Math.abs((said[i] ?? 0) - size) < 0.3, `the README says ${said[i]} kB, and it is ${size}`);
  }
});

test("what is not used is left out", async () => {
  const client = await bundle("RoomClient");
  assert.doesNotMatch(client, /createDataChannel|playbackRate/);
  assert.match(client, /JOIN_ROOM/);
});

test("the tarballs have what exports names, a licence, and no link to what they lack", async () => {
  assert.deepEqual(
    packed.map(({ name }) => name),
    ["@usher/types", "@usher/client"],
  );
  for (const { name, files } of packed) {
    const folder = path.join(project, "node_modules", name);
    const read = (file: string): Promise<string> => readFile(path.join(folder, file), "utf8");
    const { exports, engines, keywords } = JSON.parse(await read("package.json")) as {
      exports: Record<string, string | { types: string; default: string }>;
      engines: { node: string };
      keywords: string[];
    };
    const named = Object.values(exports).flatMap((target) => (typeof target === "string" ? [target] : Object.values(target)));
    for (const file of [
      ...named.map((target) => target.replace("./", "")),
      "dist/index.js.map",
      "dist/index.d.ts.map",
      "src/index.ts",
      "README.md",
      "LICENSE",
    ]) {
      assert.ok(files.includes(file), `${name} has ${file}`);
    }
    assert.equal(await read("LICENSE"), await readFile(path.join(root, "LICENSE"), "utf8"));
    assert.ok(engines.node !== "" && keywords.length > 3);
    assert.deepEqual(
      files.filter((file) => /^test|tsbuildinfo|tsconfig/.test(file)),
      [],
    );
    for (const page of files.filter((file) => file.endsWith(".md"))) {
      const links = [...(await read(page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link.split("#")[0] ?? "");
      const broken = links.filter((link) => link !== "" && !/^https:/.test(link) && !files.includes(path.posix.join(path.posix.dirname(page), link)));
      assert.deepEqual(broken, [], `links of ${name}/${page}`);
    }
  }
});

test("publint and Are The Types Wrong find nothing", async () => {
  for (const { name, tarball } of packed) {
    assert.match(await run(scratch, "publint", "run", "--strict", tarball), /All good!/, name);
    // The packages are ES modules only, so what require() would find is not asked for; JSON has no
    // types.
    await run(scratch, "attw", tarball, "--profile", "esm-only", "--format", "ascii", "--exclude-entrypoints", "schema/messages.json", "asyncapi.json");
  }
});

const page = `import { PeerMesh, RoomClient, VideoSync, webStore, type Route } from "@usher/client";
import type { RoomState } from "@usher/types";
const { signal } = new AbortController();
const client = new RoomClient({ url: new URL("wss://example.org/ws"), store: webStore(() => sessionStorage) });
const mesh = new PeerMesh(client, { createConnection: (configuration: RTCConfiguration) => new RTCPeerConnection(configuration) });
// @ts-expect-error it makes no peer connection
new PeerMesh(client, { createConnection: () => ({}) });
const sync = new VideoSync(document.querySelector("video")!, mesh, { source: () => location.href, open: (url: string) => location.assign(url) });
client.on("room", (room: RoomState) => console.log(room.users.map((user) => [user.name, mesh.route(user.id) satisfies Route]), sync.driftMs));
await client.create({ userName: "Ann", signal });
`;
const bot = `import { memoryStore, PeerMesh, RoomClient, RoomError } from "@usher/client/headless";
import { errorCodes, type RoomState } from "@usher/types";
const client = new RoomClient({ url: "wss://example.org/ws", store: memoryStore() });
export const mesh = new PeerMesh(client, { createConnection: ({ iceServers }) => ({ iceServers }) });
export let room: RoomState | undefined;
client.on("room", (changed) => (room = changed));
export const retryable: boolean = errorCodes.ROOM_FULL.retryable || new RoomError("CLOSED", "", false).retryable;
`;

for (const [name, source, lib] of [
  ["a page", page, "es2022,dom"],
  ["a bot, without the DOM library", bot, "es2023"],
] as const) {
  for (const [module, resolution] of [
    ["nodenext", "nodenext"],
    ["esnext", "bundler"],
  ] as const) {
    test(`${name} compiles with ${resolution} resolution`, async () => {
      const file = path.join(project, `${lib}-${resolution}.ts`);
      await writeFile(file, source);
      const strict = ["--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess", "--skipLibCheck", "false", "--types", "", "--noEmit"];
      await run(project, "tsc", ...strict, "--target", "es2022", "--lib", lib, "--module", module, "--moduleResolution", resolution, file);
    });
  }
}

test("every export can be imported", async () => {
  const program = `import { RoomClient, VideoSync } from "@usher/client";
import * as headless from "@usher/client/headless";
import schema from "@usher/types/schema/messages.json" with { type: "json" };
import asyncapi from "@usher/types/asyncapi.json" with { type: "json" };
import { errorCodes } from "@usher/types";
if (headless.RoomClient !== RoomClient || "VideoSync" in headless || !VideoSync || !schema.$defs || !asyncapi.asyncapi || !errorCodes) throw new Error();
new RoomClient({ url: "ws://localhost/ws" });`;
  await run(project, process.execPath, "--input-type=module", "-e", program);
});
