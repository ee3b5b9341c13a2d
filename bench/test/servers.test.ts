import { join } from "node:path";
import { expect, it } from "vitest";
import { storeFamilies } from "../src/families.js";
import { Run } from "../src/run.js";
import { Servers } from "../src/servers.js";

it("where a server cannot be started, that is said, and what needs it is not measured", async () => {
  const directory = join(import.meta.dirname, "there is no such folder");
  const servers = new Servers(directory);
  expect(await servers.whyNot("postgres")).toMatch(/^no postgres could be started here: .*ENOENT/);
  const families = storeFamilies.filter(({ store }) => store === "pgstore");
  const progress = { start: () => undefined, step: () => undefined };
  const options = {
    ...{ families, modules: [], tasks: [{ operation: "find", inFlight: 1 }] as const },
    ...{ sizes: [256], sessions: 1, rounds: 1, measureMs: 1, isQuick: true },
  };
  const { cells, skipped } = await new Run(options, { directory, servers, progress }).measure();
  expect(cells).toEqual([]);
  expect(skipped.find((line) => line.startsWith("pgstore: "))).toMatch(/no postgres could be started/);
  expect(skipped.find((line) => line.startsWith("raw pg: "))).toMatch(/no postgres could be started/);
  expect(await servers.versions()).toEqual({});
  await servers.close();
});
