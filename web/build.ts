// Builds the page: src and the film into dist, the same bytes on every machine; and the admin page
// into dist-admin.
//
// node build.ts writes both node build.ts --check builds into a temporary folder and fails where
// one differs

import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { build, type BuildOptions } from "esbuild";

const here = import.meta.dirname;
const dist = path.join(here, "dist");
/** Not in dist, all of which the worker serves. */
const admin = path.join(here, "dist-admin");
/** What is copied as it is. */
const copied = ["src/index.html", "src/favicon.svg", "src/_headers", "clip/leader.mp4"];

const options = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome111", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  logLevel: "warning",
} as const satisfies BuildOptions;

/** The plots are a chunk of their own, which is loaded once they are needed. */
async function buildAdminInto(folder: string): Promise<void> {
  await build({
    ...options,
    target: [...options.target],
    entryPoints: [
      { in: "src/admin/admin.tsx", out: "admin" },
      { in: "src/admin/admin.css", out: "admin" },
    ],
    outdir: folder,
    splitting: true,
    chunkNames: "plot",
  });
  await cp(path.join(here, "src/admin/index.html"), path.join(folder, "index.html"));
}

async function buildInto(folder: string): Promise<void> {
  await build({
    ...options,
    target: [...options.target],
    entryPoints: [
      { in: "src/main.tsx", out: "page" },
      { in: "src/page.css", out: "page" },
    ],
    outdir: folder,
    // From their sources, so that the page needs no other build before its own.
    alias: { "@usher/client": "../packages/client/src/index.ts", "@usher/types": "../packages/types/src/index.ts" },
  });
  for (const name of copied) {
    await cp(path.join(here, name), path.join(folder, path.basename(name)));
  }
}

/** The names of the files that differ between two folders, or are only in one. */
async function differences(a: string, b: string): Promise<string[]> {
  const names = new Set([...(await readdir(a)), ...(await readdir(b))]);
  const read = (folder: string, name: string): Promise<Buffer | undefined> => readFile(path.join(folder, name)).catch(() => undefined);
  const differing: string[] = [];
  for (const name of [...names].sort()) {
    const [one, other] = [await read(a, name), await read(b, name)];
    if (one === undefined || other === undefined || !one.equals(other)) {
      differing.push(name);
    }
  }
  return differing;
}

if (process.argv.includes("--check")) {
  const scratch = await mkdtemp(path.join(os.tmpdir(), "usher-web-"));
  await buildInto(path.join(scratch, "dist"));
  await buildAdminInto(path.join(scratch, "dist-admin"));
  const stale = [...(await differences(path.join(scratch, "dist"), dist)), ...(await differences(path.join(scratch, "dist-admin"), admin))];
  await rm(scratch, { recursive: true });
  if (stale.length > 0) {
    console.error(`error: web/dist or web/dist-admin is not what the sources give: ${stale.join(", ")}\nhint: npm run build -w web, and commit both`);
    process.exitCode = 1;
  }
} else {
  await rm(dist, { recursive: true, force: true });
  await buildInto(dist);
  await rm(admin, { recursive: true, force: true });
  await buildAdminInto(admin);
}
