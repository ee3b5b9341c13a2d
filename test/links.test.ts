import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { packageNames, repositoryUrl } from "../scripts/manifests.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const url = repositoryUrl();
/** Prefixes of absolute links to files of this repository. */
const OWN = [
  `${url}/blob/main/`,
  `${url}/tree/main/`,
  `${url.replace("github.com", "raw.githubusercontent.com")}/main/`,
];

const pages = [
  ...["README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md"],
  ...readdirSync(join(root, ".github"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".yml"))
    .map((file) => join(".github", file)),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md") && !/node_modules|reference/.test(file))
    .map((file) => join("docs", file)),
  ...packageNames().map((name) => `packages/${name}/README.md`),
];

const withoutCode = (page: string): string => read(page).replaceAll(/^```.*?^```/gms, "");

/** Returns the anchors of a page's headings on GitHub. */
function anchorsOf(page: string): Set<string> {
  const headings = [...withoutCode(page).matchAll(/^#+ (.+)$/gm)].map(([, text = ""]) => text);
  return new Set(
    headings.map((text) =>
      text
        .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Returns the problem of a link, or `undefined`. */
function faultOf(page: string, target: string): string | undefined {
  const own = OWN.find((prefix) => target.startsWith(prefix));
  if (own === undefined && /^(https?|mailto):/.test(target)) return undefined;
  const [path = "", anchor] = (own === undefined ? target : target.slice(own.length)).split("#");
  const file = own === undefined ? join(dirname(page), path) : path;
  const linked = path === "" && own === undefined ? page : file;
  if (!existsSync(join(root, linked))) return "no such file";
  if (anchor === undefined || anchor === "readme") return undefined;
  const document = statSync(join(root, linked)).isDirectory() ? join(linked, "README.md") : linked;
  return anchorsOf(document).has(anchor) ? undefined : "no such heading";
}

it.each(pages)("every link in %s has an existing file and heading", (page) => {
  const targets = [
    ...[...withoutCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target),
    ...(page.endsWith(".yml") ? (read(page).match(/https:\S+/g) ?? []) : []),
  ];
  const faults = targets.map((target) => ({ target, fault: faultOf(page, target) }));
  expect(faults.filter(({ fault }) => fault !== undefined)).toEqual([]);
});
