// npm run example NAME: installs what the example needs, builds it, and runs it.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  buildExample,
  environmentOf,
  heavyExamples,
  nodeProgram,
  npm,
  packPackages,
  run,
} from "./heavy-examples.js";
import { pnpm } from "./pnpm.js";

const light = ["hono", "fastify"];
const [name = ""] = process.argv.slice(2);
const root = fileURLToPath(new URL("..", import.meta.url));
const port = process.env.PORT ?? "3000";

/** @param {string[]} args */
function must(...args) {
  const code = pnpm(...args);
  if (code !== 0) process.exit(code);
}

if (light.includes(name)) {
  const app = `@scs/example-${name}`;
  // A partial installation would remove packages of a complete one.
  const isComplete = existsSync(join(root, "node_modules", "vitest"));
  const part = isComplete ? [] : ["--prod", "--filter", "scs", "--filter-prod", `${app}...`];
  must("install", "--frozen-lockfile", "--loglevel", "warn", ...part);
  must("--filter-prod", `${app}...`, "--reporter-hide-prefix", "--loglevel", "warn", "run", "build");
  run(npm, ["start"], join(root, "examples", name));
} else if (heavyExamples.includes(name)) {
  must("install", "--frozen-lockfile", "--loglevel", "warn"); // pnpm packs only packages whose tools are installed
  packPackages();
  const node = nodeProgram();
  process.env.ORIGIN = `http://127.0.0.1:${port}`;
  const folder = buildExample(name, node);
  const env = { ...environmentOf(folder, node), PORT: port, HOST: "127.0.0.1" };
  run(npm, ["start"], folder, env);
} else {
  console.error(`npm run example NAME, where NAME is one of ${[...light, ...heavyExamples].join(", ")}`);
  process.exitCode = 1;
}
