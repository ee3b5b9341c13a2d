// npm run demo: installs only what the example application needs, builds it, and runs it in this process.
import { existsSync } from "node:fs";
import { parseArgs } from "node:util";
import { pnpm } from "./pnpm.js";

const app = "@scs/example-express";

/** @param {string[]} args */
function step(...args) {
  const code = pnpm(...args);
  if (code !== 0) process.exit(code);
}

// Stores with a driver are development dependencies of the example: only who asks for one waits for all of them.
const { values } = parseArgs({ options: { store: { type: "string" } }, strict: false });
const needsDriver = !["mem", "file", "hybrid", undefined].includes(
  /** @type {string | undefined} */ (values.store),
);
// Where everything is installed already, a partial installation would take it away again.
const isComplete = existsSync(new URL("../node_modules/vitest", import.meta.url));
const part = isComplete || needsDriver ? [] : ["--prod", "--filter", "scs", "--filter-prod", `${app}...`];
step("install", "--frozen-lockfile", "--loglevel", "warn", ...part);
step(
  needsDriver ? "--filter" : "--filter-prod",
  `${app}...`,
  "--reporter-hide-prefix",
  "--loglevel",
  "warn",
  "run",
  "build",
);
await import("../examples/express/dist/main.js");
