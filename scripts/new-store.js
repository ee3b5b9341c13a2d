// npm run new-store NAME [-- --server]: creates the package of a new store, which passes its tests at once.
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { complete } from "./manifests.js";
import { pnpm } from "./pnpm.js";

const repository = fileURLToPath(new URL("..", import.meta.url));

/**
 * Creates `packages/NAME`: a store over a `Map`, or with `server` over a server in a process of its own.
 *
 * @param {string} name
 * @param {{ server?: boolean, root?: string }} [options] `root` is the folder that has `packages`
 * @returns {string} the folder of the package
 */
export function makeStore(name, { server = false, root = repository } = {}) {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name))
    throw new TypeError(`NAME must be in lower case, such as mongostore; got ${JSON.stringify(name)}`);
  const words = name.replace(/-?store$/, "").split("-");
  const className = `${words.map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`).join("")}Store`;
  const folder = join(root, "packages", name);
  if (existsSync(folder)) throw new Error(`there is a package ${name}`);
  cpSync(fileURLToPath(new URL(`./new-store/${server ? "server" : "map"}`, import.meta.url)), folder, {
    recursive: true,
  });
  cpSync(join(repository, "LICENSE"), join(folder, "LICENSE"));
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === "LICENSE") continue;
    const file = join(entry.parentPath, entry.name);
    const text = readFileSync(file, "utf8");
    writeFileSync(file, text.replaceAll("mystore", name).replaceAll("MyStore", className));
    if (entry.name.includes("mystore"))
      renameSync(file, join(entry.parentPath, entry.name.replace("mystore", name)));
  }
  const manifest = join(folder, "package.json");
  const completed = complete(name, JSON.parse(readFileSync(manifest, "utf8")));
  writeFileSync(manifest, `${JSON.stringify(completed, null, 2)}\n`);
  return folder;
}

/**
 * Calls {@link makeStore} for a person: prints the message of an error without a stack, and exits.
 *
 * @param {string} name
 * @param {boolean} server
 */
function create(name, server) {
  try {
    return makeStore(name, { server });
  } catch (error) {
    console.error(/** @type {Error} */ (error).message);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const args = process.argv.slice(2);
  const usage = "npm run new-store NAME\nnpm run new-store NAME -- --server";
  if (args.includes("--help")) {
    console.log(usage);
    process.exit();
  }
  const [name = "", ...others] = args.filter((arg) => arg !== "--server");
  if (name === "" || others.length > 0) {
    console.error(usage);
    process.exit(2);
  }
  const folder = create(name, args.includes("--server"));
  const changeset = `---\n"@scs/${name}": minor\n---\n\nFirst release.\n`;
  writeFileSync(join(repository, ".changeset", `${name}.md`), changeset);
  const code = pnpm("install", "--no-frozen-lockfile", "--loglevel", "warn");
  // The formatting depends on the length of the name.
  process.exitCode = code || pnpm("exec", "biome", "check", "--write", `packages/${name}`);
  console.log(`${folder}\nnpm test builds it and runs the testkit on it; src/ is where your backend goes.`);
}
