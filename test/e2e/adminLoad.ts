// Measures the admin page of a server with many people: npm run admin-load -w test/e2e.
// ROOMS rooms (4500) of four, so 18 000 sockets of the server and as many of `usher bench`.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";

import { Browser } from "./browser.ts";
import { binary, Server } from "./server.ts";
import { until } from "./wait.ts";

const token = "an admin token of 32 characters or more";
const rooms = Number(process.env["ROOMS"] ?? 4500);
const watchedMs = 20_000;

const folder = await mkdtemp(path.join(os.tmpdir(), "usher-admin-load-"));
await writeFile(path.join(folder, "token"), token);
const server = await Server.start("native", { "admin-token-file": path.join(folder, "token"), "trusted-proxy": "127.0.0.1/32", "log-level": "warn" });
const load = spawn(
  await binary(),
  ["bench", `${server.url.replace("http", "ws")}/ws`, `--rooms=${rooms}`, "--people=4", "--join-rate=1500", "--idle=1", "--churn=0", "--duration=10m"],
  { stdio: ["ignore", "ignore", "inherit"] },
);

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN);
}

/** The share of a core that the server used meanwhile. */
async function share(): Promise<number> {
  const [begun, before] = [performance.now(), await metric("process_cpu_seconds_total")];
  await new Promise((resolve) => setTimeout(resolve, watchedMs));
  return ((await metric("process_cpu_seconds_total")) - before) / ((performance.now() - begun) / 1000);
}

try {
  await until(
    "everybody has a seat",
    async () => {
      if (load.exitCode !== null) {
        throw new Error(`usher bench ended with ${load.exitCode}`);
      }
      return (await metric("usher_participants")) === 4 * rooms;
    },
    300_000,
  );
  const unwatched = await share();
  const { page } = await Browser.launch({});
  const begun = performance.now();
  await page.goto(`${server.url}/admin`);
  await page.getByLabel("Admin token").fill(token);
  const asked = performance.now();
  await page.keyboard.press("Enter");
  await page.locator("tbody tr:has(code)").nth(24).waitFor();
  const [form, view] = [asked - begun, performance.now() - asked];
  const watched = await share();
  console.log(`${rooms} rooms, ${4 * rooms} people`);
  console.log(`the form after ${form.toFixed(0)} ms, the first view ${view.toFixed(0)} ms after the token`);
  console.log(`the server without the page ${(100 * unwatched).toFixed(2)} % of a core, with it ${(100 * watched).toFixed(2)} %`);
} finally {
  const ended = load.exitCode === null ? once(load, "exit") : undefined;
  load.kill("SIGKILL");
  await ended;
  await server.close();
  await rm(folder, { recursive: true, force: true });
}
process.exit(0);
