// npm run release, in CI: publishes each package in a version that npm does not have yet.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { pnpm } from "./pnpm.js";

// npm accepts the provenance of a package only if its `repository` is the one that built it, fork or not.
const repository = process.env.GITHUB_REPOSITORY;
const names = repository === undefined ? [] : readdirSync(new URL("../packages", import.meta.url));
for (const name of names) {
  const file = new URL(`../packages/${name}/package.json`, import.meta.url);
  const url = `git+https://github.com/${repository}.git`;
  const manifest = JSON.parse(readFileSync(file, "utf8"));
  manifest.repository = { type: "git", url, directory: `packages/${name}` };
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}
process.exitCode = pnpm("exec", "changeset", "publish");
