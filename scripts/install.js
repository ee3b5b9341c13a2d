// Installs everything, where that was not done: for scripts that are among the first that somebody runs.
import { existsSync } from "node:fs";
import { pnpm } from "./pnpm.js";

if (!existsSync(new URL("../node_modules/vitest", import.meta.url)))
  process.exitCode = pnpm("install", "--frozen-lockfile", "--loglevel", "warn");
