import { readFile } from "node:fs/promises";
import { join } from "node:path";
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

it("relative links become absolute, and pictures link to the raw file", () => {
  const url = repositoryUrl();
  expect(withAbsoluteLinks("x", "[a](src/a.ts) [b](../../docs/b.md#c) [d](#e) [f](https://g.example)")).toBe(
    `[a](${url}/blob/main/packages/x/src/a.ts) [b](${url}/blob/main/docs/b.md#c) [d](#e) [f](https://g.example)`,
  );
  expect(withAbsoluteLinks("x", "![a](../../docs/a.svg)")).toBe(
    `![a](${url.replace("github.com", "raw.githubusercontent.com")}/main/docs/a.svg)`,
  );
});
