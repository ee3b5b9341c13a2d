// Runs the pnpm that package.json pins, on a machine that has Node.js and npm alone: `node scripts/pnpm.js install`.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/**
 * Runs pnpm in the root of the repository and gives its exit code.
 *
 * @param {string[]} args
 * @returns {number}
 */
export function pnpm(...args) {
  // npm sets npm_execpath to its own script; through it no shell and no npm.cmd is needed on Windows.
  const runner = process.env.npm_execpath;
  const command = ["exec", "--yes", "--", packageManager, ...args];
  const [file, ...rest] = runner?.includes("npm-cli")
    ? [process.execPath, runner, ...command]
    : ["npm", ...command];
  const { status, error } = spawnSync(file, rest, { cwd: root, stdio: "inherit" });
  if (error) throw error;
  return status ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  process.exitCode = pnpm(...process.argv.slice(2));
