// npm test: installs everything, builds and checks it, and runs every test. What fails keeps nothing else from being
// tested, but for what is built on it; the exit code tells whether all went well.
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
