// Installs everything if it is not installed, for scripts that may run first.
import { existsSync } from "node:fs";
import { pnpm } from "./pnpm.js";

if (!existsSync(new URL("../node_modules/vitest", import.meta.url)))
  process.exitCode = pnpm("install", "--frozen-lockfile", "--loglevel", "warn");
