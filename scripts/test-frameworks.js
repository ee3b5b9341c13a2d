// npm run test:frameworks [-- NAME…]: installs, builds and tests the examples that npm test omits.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildTestedExample, heavyExamples, nodeProgram, packPackages, run } from "./heavy-examples.js";
import { pnpm } from "./pnpm.js";

const chosen = process.argv.length > 2 ? process.argv.slice(2) : heavyExamples;
const unknown = chosen.filter((name) => !heavyExamples.includes(name));
if (unknown.length > 0)
  throw new Error(`there is no ${unknown.join(", ")}; there are ${heavyExamples.join(", ")}`);

const code = pnpm("install", "--frozen-lockfile", "--prefer-offline");
if (code !== 0) process.exit(code);
packPackages();
const node = nodeProgram();
for (const name of chosen) buildTestedExample(name, node);

const smoke = fileURLToPath(new URL("../examples/smoke", import.meta.url));
const vitest = join(smoke, "..", "..", "node_modules", "vitest", "vitest.mjs");
const limits = ["--test-timeout", "600000", "--hook-timeout", "600000", "--max-workers", "1"];
run(process.execPath, [vitest, "run", "test/heavy.test.ts", ...limits], smoke, {
  ...process.env,
  EXAMPLES: chosen.join(" "),
  EXAMPLES_NODE: node,
});
