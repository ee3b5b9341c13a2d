import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { complete, packageNames, repositoryUrl, withAbsoluteLinks } from "../scripts/manifests.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const read = (path: string) => readFile(join(root, path), "utf8");

it.each(packageNames())("the manifest of %s is complete: npm run manifests", async (name) => {
  const manifest = JSON.parse(await read(`packages/${name}/package.json`));
  expect(manifest).toEqual(complete(name, manifest));
  expect(manifest.keywords.length).toBeGreaterThan(2);
  expect(manifest.description).toMatch(/\w/);
});

it.each(packageNames())("the links in the README of %s work on npm: npm run manifests", async (name) => {
  const text = await read(`packages/${name}/README.md`);
  expect(withAbsoluteLinks(name, text)).toBe(text);
});

it("relative links become absolute, pictures with the address of the bare file", () => {
  const url = repositoryUrl();
  expect(withAbsoluteLinks("x", "[a](src/a.ts) [b](../../docs/b.md#c) [d](#e) [f](https://g.example)")).toBe(
    `[a](${url}/blob/main/packages/x/src/a.ts) [b](${url}/blob/main/docs/b.md#c) [d](#e) [f](https://g.example)`,
  );
  expect(withAbsoluteLinks("x", "![a](../../docs/a.svg)")).toBe(
    `![a](${url.replace("github.com", "raw.githubusercontent.com")}/main/docs/a.svg)`,
  );
});

it("links between the pages of the repository lead to files that exist", async () => {
  const pages = (await readdir(join(root, "docs"), { recursive: true }))
    .filter((file) => file.endsWith(".md") && !file.includes("node_modules"))
    .map((file) => join("docs", file));
  const own = packageNames().map((name) => `packages/${name}/README.md`);
  const broken: string[] = [];
  for (const page of ["README.md", "CONTRIBUTING.md", "SECURITY.md", "bench/README.md", ...pages, ...own]) {
    const text = (await read(page)).replaceAll(/^```.*?^```/gms, "");
    for (const [, target = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const inRepository = target.replace(
        /^https:\/\/(raw\.)?github(usercontent)?\.com\/[^/]+\/[^/]+\/(blob\/|tree\/)?main\//,
        "/",
      );
      if (/^(https?:|#|mailto:)/.test(inRepository)) continue;
      const path = inRepository.replace(/#.*/, "");
      const file = path.startsWith("/") ? join(root, path) : join(root, dirname(page), path);
      if (!existsSync(file)) broken.push(`${page}: ${target}`);
    }
  }
  expect(broken).toEqual([]);
});
