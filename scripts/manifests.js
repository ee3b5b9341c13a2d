// npm run manifests [-- --check]: sets the fields of each package.json that follow from the repository's address, and makes
// the links of the READMEs absolute. The release runs it with the address of the publishing repository, because npm
// accepts provenance only from there.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Keywords of every package. */
const KEYWORDS = ["session", "sessions", "session-store"];

/** @param {string} path */
const read = (path) => JSON.parse(readFileSync(join(root, path), "utf8"));

/** Returns the address of the repository; in GitHub's CI, of the one that runs this. */
export function repositoryUrl() {
  const { GITHUB_REPOSITORY: name } = process.env;
  return name === undefined ? addressInManifest() : `https://github.com/${name}`;
}

function addressInManifest() {
  return read("package.json").repository.url.replace(/^git\+|\.git$/g, "");
}

/**
 * Completes the manifest of a package.
 *
 * @param {string} name the folder in `packages`
 * @param {Record<string, unknown>} manifest
 * @returns {Record<string, unknown>}
 */
export function complete(name, manifest) {
  const url = repositoryUrl();
  const { keywords = [...KEYWORDS, name] } = /** @type {{ keywords?: string[] }} */ (manifest);
  const derived = {
    keywords,
    homepage: `${url}/tree/main/packages/${name}#readme`,
    bugs: { url: `${url}/issues` },
    repository: { type: "git", url: `git+${url}.git`, directory: `packages/${name}` },
  };
  const { name: fullName, version, description } = manifest;
  // The rest of the manifest follows, with the derived values in the places above.
  return { name: fullName, version, description, ...derived, ...manifest, ...derived };
}

/**
 * Makes the links of a README absolute, so that they work on npm as well.
 *
 * @param {string} name the folder in `packages`
 * @param {string} text
 */
export function withAbsoluteLinks(name, text) {
  const url = repositoryUrl();
  return text.replaceAll(
    /(!?)\[([^\]]*)\]\((?!https?:|#|mailto:)([^)\s]+)\)/g,
    (_link, image, label, target) => {
      const { pathname, hash } = new URL(target, `https://repository/packages/${name}/`);
      const base = image
        ? `${url.replace("github.com", "raw.githubusercontent.com")}/main`
        : `${url}/blob/main`;
      return `${image}[${label}](${base}${pathname}${hash})`;
    },
  );
}

/** Lists the names of the folders in `packages`. */
export const packageNames = () => readdirSync(join(root, "packages")).sort();

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const isCheck = process.argv.includes("--check");
  const stale = [];
  for (const name of packageNames()) {
    const path = `packages/${name}/package.json`;
    const text = readFileSync(join(root, path), "utf8");
    const wanted = `${JSON.stringify(complete(name, JSON.parse(text)), null, 2)}\n`;
    if (text === wanted) continue;
    stale.push(path);
    if (!isCheck) writeFileSync(join(root, path), wanted);
  }
  const [from, to] = [addressInManifest(), repositoryUrl()];
  const raw = (/** @type {string} */ url) => url.replace("github.com", "raw.githubusercontent.com");
  for (const name of packageNames()) {
    const path = `packages/${name}/README.md`;
    if (!existsSync(join(root, path))) continue;
    const text = readFileSync(join(root, path), "utf8");
    const wanted = withAbsoluteLinks(name, text).replaceAll(from, to).replaceAll(raw(from), raw(to));
    if (text === wanted) continue;
    stale.push(path);
    if (!isCheck) writeFileSync(join(root, path), wanted);
  }
  if (isCheck && stale.length > 0) {
    console.error(`Run npm run manifests. Stale: ${stale.join(", ")}`);
    process.exitCode = 1;
  }
}
