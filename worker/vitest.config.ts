import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

import { startTurnApi } from "./e2e/turnApi.ts";

export default defineConfig(async () => ({
  plugins: [
    cloudflareTest({
      main: "./test/worker.ts",
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: { bindings: { TURN_API: await startTurnApi() } },
    }),
  ],
  test: { include: ["test/*.test.ts"], testTimeout: 30_000 },
}));
