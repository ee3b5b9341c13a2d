import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertSurvivesKills } from "@scs/testkit";
import { afterEach, beforeEach, expect, it } from "vitest";

const module = new URL("./modules/file-store.js", import.meta.url);
let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "scs-testkit-"));
});

afterEach(() => rmSync(directory, { recursive: true }));

const location = (breaks?: string) => ({ path: join(directory, "sessions"), breaks });

it("passes for a durable store, and returns the number of writes", async () => {
  const report = await assertSurvivesKills({ module, location: location(), kills: 3 });
  expect(report.kills).toBe(3);
  expect(report.acknowledged).toBeGreaterThan(0);
  expect(report.underWay).toBeGreaterThan(0);
});

for (const [breaks, message] of [
  ["durability", /a token holds .*; possible: /],
  ["bytes", /a token holds .*; possible: /],
  ["cleanup", /deleteExpired does not find every record/],
] as const) {
  it(`fails for a store that breaks ${breaks}, and prints the seed`, async () => {
    const failing = assertSurvivesKills({ module, location: location(breaks), kills: 3, seed: 7 });
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.toThrow(/\nseed: 7$/);
  });
}
