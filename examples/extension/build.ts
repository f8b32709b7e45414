// Builds the extension into dist, which Chrome loads as it is.

import { cp, rm } from "node:fs/promises";
import path from "node:path";

import { build } from "esbuild";

const here = import.meta.dirname;
const dist = path.join(here, "dist");
const options = {
  absWorkingDir: here,
  outdir: dist,
  bundle: true,
  minify: true,
  sourcemap: true,
  target: "chrome116",
  // From its sources, so that the extension needs no other build before its own. With the published
  // package this line goes away.
  alias: { "@usher/client": "../../packages/client/src/index.ts", "@usher/types": "../../packages/types/src/index.ts" },
  logLevel: "warning",
} as const;

await rm(dist, { recursive: true, force: true });
await build({ ...options, entryPoints: ["src/worker.ts", "src/offscreen.ts", "src/popup.ts"], format: "esm" });
// Injected into pages, which have no modules.
await build({ ...options, entryPoints: ["src/content.ts"], format: "iife" });
for (const name of ["manifest.json", "src/offscreen.html", "src/popup.html", "src/popup.css"]) {
  await cp(path.join(here, name), path.join(dist, path.basename(name)));
}
