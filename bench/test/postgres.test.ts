import { join } from "node:path";
import { expect, it } from "vitest";
import { bench, folder, read } from "./fixtures/command.js";

it("pgstore is measured beside its peers on a server that is started for it, and statements are counted", async () => {
  const json = join(folder, "pg.json");
  const only = "pgstore,connect-pg-simple";
  const options = ["--quick", "--store", "pg", "--op", "find", "--only", only, "--json", json];
  expect(await bench(...options)).toMatchObject({ code: 0, errors: "" });
  const { cells, skipped, versions } = await read(json);
  if (skipped.some((line) => line.includes("no postgres could be started here"))) return;
  expect(versions.postgres).toMatch(/^\d+/);
  expect(cells.map(({ contender }) => contender)).toEqual(only.split(","));
  for (const { rounds } of cells) expect(rounds[0]).toMatchObject({ perSecond: expect.any(Number) });
  const [ours, theirs] = cells.map(({ statements }) => Number(statements));
  expect(ours).toBeLessThan(0.5); // batches
  expect(theirs).toBeCloseTo(1, 2);
});
