import { env } from "cloudflare:workers";
import { expect, test, vi } from "vitest";

import { objectOf } from "../src/objects";

/** An environment whose objects tell their names. */
function named(jurisdiction?: string): Env {
  const getByName = (prefix: string) => (name: string) => `${prefix}/${name}`;
  const room = { getByName: getByName("anywhere"), jurisdiction: vi.fn((where: string) => ({ getByName: getByName(where) })) };
  return { ...env, ROOM: room as unknown as Env["ROOM"], ...(jurisdiction === undefined ? {} : { JURISDICTION: jurisdiction }) };
}

test("a room is in the jurisdiction that is set, and anywhere without one", () => {
  expect(objectOf(named(), "film")).toBe("anywhere/film");
  expect(objectOf(named(""), "film")).toBe("anywhere/film");
  expect(objectOf(named("eu"), "film")).toBe("eu/film");
});

test("workerd knows no jurisdictions", () => {
  expect(() => objectOf({ ...env, JURISDICTION: "eu" }, "film")).toThrow("not implemented in workerd");
});
