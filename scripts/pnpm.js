// Runs the pnpm pinned by package.json, on a machine with only Node.js and npm: `node scripts/pnpm.js install`.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const { packageManager } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));

/**
 * Runs pnpm in the root of the repository, and returns its exit code.
 *
 * @param {string[]} args
 * @returns {number}
 */
export function pnpm(...args) {
  // Runs outside of the repository: there npm uses its own copy of pnpm, which this installation does not replace.
  const cwd = tmpdir();
  const { npm_config_local_prefix: _inside, npm_execpath: npmScript, ...env } = process.env;
  const command = ["exec", "--yes", "--", packageManager, "--dir", root, ...args];
  // npm passes the path of its script to programs. Using it needs no shell and no npm.cmd on Windows.
  const [file, ...rest] = npmScript?.endsWith("npm-cli.js")
    ? [process.execPath, npmScript, ...command]
    : [process.platform === "win32" ? "npm.cmd" : "npm", ...command];
  const shell = file.endsWith(".cmd");
  const { status, error } = spawnSync(file, rest, { cwd, env, shell, stdio: "inherit" });
  if (error) throw error;
  return status ?? 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  process.exitCode = pnpm(...process.argv.slice(2));
