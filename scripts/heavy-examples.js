// Installs and builds the examples outside of the workspace, because their tools take several hundred megabytes. Uses the
// packed packages of the workspace.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { pnpm } from "./pnpm.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const examples = join(root, "examples");
const additions = join(examples, "smoke", "additions");
const packed = join(examples, ".packages");

/** Minimum version of Node.js for React Router 8, SvelteKit 3, Nuxt 4 and Astro 7. */
const NODE = { major: 24, version: "24.21.0" };

export const npm = process.platform === "win32" ? "npm.cmd" : "npm";

export const heavyExamples = ["react-router", "next", "sveltekit", "nuxt", "astro"];

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

/** Packs the packages that the examples import. */
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

/** Returns the path of the Node.js for the examples: this one, or a newer one from the registry. */
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
  if (!existsSync(program))
    install(folder, process.env, { private: true, dependencies: { [name]: NODE.version } });
  return program;
}

/** @param {string} folder @param {NodeJS.ProcessEnv} env @param {object} [manifest] */
function install(folder, env, manifest) {
  mkdirSync(folder, { recursive: true });
  if (manifest !== undefined) writeFileSync(join(folder, "package.json"), JSON.stringify(manifest));
  rmSync(join(folder, "node_modules"), { recursive: true, force: true }); // the tarballs have new content under old names
  const flags = ["--no-package-lock", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel", "error"];
  run(npm, ["install", ...flags], folder, env);
}

/** Installs and builds an example, and returns its folder. @param {string} name @param {string} node */
export function buildExample(name, node) {
  const folder = join(examples, name);
  build(folder, node);
  return folder;
}

/**
 * Copies an example, adds the pages that only its tests need, checks the types of all and builds it.
 *
 * @param {string} name @param {string} node
 */
export function buildTestedExample(name, node) {
  const folder = join(examples, `.tested-${name}`); // beside the example, so that relative paths stay valid
  rmSync(folder, { recursive: true, force: true });
  const made = [
    "node_modules",
    ".next",
    ".nuxt",
    ".output",
    ".svelte-kit",
    ".react-router",
    ".astro",
    "build",
    "dist",
  ];
  cpSync(join(examples, name), folder, { recursive: true, filter: (path) => !made.includes(basename(path)) });
  cpSync(join(additions, name), folder, { recursive: true });
  cpSync(join(additions, "misuses.ts"), join(folder, "misuses.ts"));
  build(folder, node);
  run(npm, ["run", "--if-present", "typecheck"], folder, environmentOf(folder, node));
}

/** @param {string} folder @param {string} node */
function build(folder, node) {
  const env = environmentOf(folder, node);
  install(folder, env);
  run(npm, ["run", "build"], folder, env);
}

/** Makes the tools of an example run under the newer Node.js. @param {string} folder @param {string} node */
export function environmentOf(folder, node) {
  const path = [join(folder, "node_modules", ".bin"), dirname(node), process.env.PATH].join(delimiter);
  const quiet = { NEXT_TELEMETRY_DISABLED: "1", NUXT_TELEMETRY_DISABLED: "1", ASTRO_TELEMETRY_DISABLED: "1" };
  return { ...process.env, ...quiet, PATH: path };
}
