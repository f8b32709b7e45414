// The settings of a deployment, as wrangler reads them.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";

const folder = path.resolve(import.meta.dirname, "..");

interface Schema {
  definitions: { DurableObjectCodeUpdateStrategy: { properties: { mode: { enum: string[] }; max_delay: { maximum: number } } } };
}

test("wrangler takes every setting of a deployment", () => {
  const out = mkdtempSync(path.join(tmpdir(), "usher-settings-"));
  try {
    const said = execFileSync(path.join(folder, "../node_modules/.bin/wrangler"), ["deploy", "--dry-run", "--env", "production", "--outdir", out], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1", WRANGLER_SEND_METRICS: "false" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    assert.doesNotMatch(said, /WARNING|[Uu]nexpected/);
  } finally {
    rmSync(out, { recursive: true });
  }
});

test("a deployment may wait for rooms to hibernate", () => {
  const schema = JSON.parse(readFileSync(path.join(folder, "../node_modules/wrangler/config-schema.json"), "utf8")) as Schema;
  const { mode, max_delay } = schema.definitions.DurableObjectCodeUpdateStrategy.properties;
  const strategies = [...readFileSync(path.join(folder, "wrangler.toml"), "utf8").matchAll(/^mode = "(\w+)"\nmax_delay = (\d+)$/gm)];
  assert.equal(strategies.length, 2); // of development and of production
  for (const [, name = "", delay] of strategies) {
    assert.ok(mode.enum.includes(name), name);
    assert.ok(Number(delay) <= max_delay.maximum, delay);
  }
});
