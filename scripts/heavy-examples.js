// Installs and builds the examples outside of the workspace, whose tools take several hundred megabytes, with the packed
// packages of the workspace.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pnpm } from "./pnpm.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const examples = join(root, "examples");
const packed = join(examples, ".packages");

/** React Router 8, SvelteKit 3, Nuxt 4 and Astro 7 need it. */
const NODE = { major: 24, version: "24.21.0" };

const npm = process.platform === "win32" ? "npm.cmd" : "npm";

export const heavyExamples = ["react-router", "next", "sveltekit"];

/** @param {string} command @param {string[]} args @param {string} cwd @param {NodeJS.ProcessEnv} [env] */
export function run(command, args, cwd, env = process.env) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    env,
    stdio: "inherit",
    shell: command.endsWith(".cmd"),
  });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

/** @param {string[]} args */
function must(...args) {
  const code = pnpm(...args);
  if (code !== 0) process.exit(code);
}

/** Packs what the examples import. */
export function packPackages() {
  rmSync(packed, { recursive: true, force: true });
  mkdirSync(packed, { recursive: true });
  const names = ["core", "memstore", "session"];
  must(...names.flatMap((name) => ["--filter-prod", `@scs/${name}`]), "run", "build");
  for (const name of names) must("--dir", join(root, "packages", name), "pack", "--pack-destination", packed);
  for (const file of readdirSync(packed)) {
    renameSync(join(packed, file), join(packed, file.replace(/-\d.*\.tgz$/, ".tgz")));
  }
}

/** Returns the program to run the examples with: this one, or a newer one of the registry. */
export function nodeProgram() {
  if (Number(process.versions.node.split(".")[0]) >= NODE.major) return process.execPath;
  const folder = join(examples, ".node");
  const system = process.platform === "win32" ? "win" : process.platform;
  const name = `node-${system}-${process.arch}`;
  const program = join(
    folder,
    "node_modules",
    name,
    "bin",
    process.platform === "win32" ? "node.exe" : "node",
  );
  if (!existsSync(program)) install(folder, { private: true, dependencies: { [name]: NODE.version } });
  return program;
}

/** @param {string} folder @param {object} [manifest] */
function install(folder, manifest) {
  mkdirSync(folder, { recursive: true });
  if (manifest !== undefined) writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  rmSync(join(folder, "node_modules"), { recursive: true, force: true }); // the tarballs have new contents under old names
  const flags = ["--no-package-lock", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel", "error"];
  run(npm, ["install", ...flags], folder);
}

/** @param {string} name @param {string} node */
export function buildExample(name, node) {
  const folder = join(examples, name);
  install(folder);
  run(npm, ["run", "build"], folder, environmentOf(folder, node));
}

/** Lets the tools of an example run by the newer program. @param {string} folder @param {string} node */
export function environmentOf(folder, node) {
  const path = [join(folder, "node_modules", ".bin"), dirname(node), process.env.PATH].join(delimiter);
  return { ...process.env, PATH: path, NEXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1" };
}
