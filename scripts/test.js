// npm test: installs, builds and checks everything, and runs every test. A failure stops only what depends on it. The exit
// code tells whether everything succeeded.
import { spawnSync } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pnpm } from "./pnpm.js";

const root = fileURLToPath(new URL("..", import.meta.url));

const steps = [
  "turbo run build --continue=dependencies-successful",
  "tsc",
  "biome check",
  // Three at once on two cores: many tests wait for a disk.
  "turbo run test test:repository --concurrency 3 --continue=dependencies-successful",
];

const code = pnpm("install", "--frozen-lockfile");
if (code !== 0) process.exit(code);

const path = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
const options = { cwd: root, env: { ...process.env, PATH: path }, shell: true, stdio: "inherit" };
const failed = steps.filter((step) => spawnSync(step, /** @type {object} */ (options)).status !== 0);
for (const step of failed) console.error(`failed: ${step}`);
process.exitCode = failed.length === 0 ? 0 : 1;
