// Runs the tests on each Node.js that the client supports: node test/run.ts [FILE…]

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";

const here = import.meta.dirname;
const modules = path.resolve(here, "../../../node_modules");
const all = readdirSync(here)
  .filter((name) => name.endsWith(".test.ts"))
  .map((name) => path.join(here, name));
const files = process.argv.length > 2 ? process.argv.slice(2) : all;

/** What does not depend on the version that runs it. */
const once = "package.test.ts";

for (const [name, line] of [
  ["node", "v24."],
  ["node22", "v22."],
] as const) {
  const node = path.join(modules, name, "bin/node");
  if (!existsSync(node)) {
    console.error(`error: ${node} is missing\nhint: npm ci`);
    process.exit(1);
  }
  const version = execFileSync(node, ["--version"], { encoding: "utf8" }).trim();
  if (!version.startsWith(line)) {
    console.error(`error: ${node} is ${version}, not ${line}x`);
    process.exit(1);
  }
  const own = files.filter((file) => name === "node" || !file.endsWith(once));
  if (own.length === 0) {
    continue; // without a file node --test looks for some by itself
  }
  console.log(`# Node.js ${version}`);
  const { status } = spawnSync(node, ["--test", "--test-reporter=spec", ...own], { stdio: "inherit" });
  if (status !== 0) {
    process.exit(status ?? 1);
  }
}
