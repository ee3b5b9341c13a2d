import { assertSurvivesKills } from "@scs/testkit";
import { expect, it } from "vitest";
import { drivers, moduleOf, newPath, plainDatabase } from "./fixtures/databases.js";

/** Number of kills; `npm run crash` at the root uses 200. */
const kills = Number(process.env.SCS_TEST_KILLS ?? 4);

for (const driver of drivers) {
  for (const durability of ["flushed", "committed"]) {
    const timeout = 60_000 + kills * 10_000;
    it(`${driver}, ${durability}: keeps every acknowledged write when the process is killed`, {
      timeout,
    }, async () => {
      const path = newPath();
      const module = moduleOf(driver);
      const report = await assertSurvivesKills({ module, location: { path, durability }, kills });
      console.log(`${driver}, ${durability}: ${JSON.stringify(report)}`);
      expect(report.acknowledged).toBeGreaterThan(0);
      expect(report.underWay).toBeGreaterThan(0);
      const plain = await plainDatabase(driver, path);
      expect(await plain.rows("PRAGMA integrity_check")).toEqual([["ok"]]);
    });
  }
}
