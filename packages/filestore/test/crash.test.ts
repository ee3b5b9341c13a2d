import { assertSurvivesKills } from "@scs/testkit";
import { expect, it, onTestFinished } from "vitest";
import { newPath } from "./open.js";

/** Number of kills; `npm run crash` at the root uses 200 and more. */
const kills = Number(process.env.SCS_TEST_KILLS ?? 4);
const module = new URL("./open.js", import.meta.url);

for (const durability of ["flushed", "committed"]) {
  it(`${durability}: keeps every acknowledged write when the process is killed`, {
    timeout: 60_000 + kills * 10_000,
  }, async () => {
    const path = newPath({ defer: (tidy) => onTestFinished(async () => void (await tidy())) });
    const report = await assertSurvivesKills({ module, location: { path, durability }, kills });
    console.log(`${durability}: ${JSON.stringify(report)}`);
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report.underWay).toBeGreaterThan(0);
  });
}
