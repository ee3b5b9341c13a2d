import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packages } from "./consumer-project.js";

const root: string = fileURLToPath(new URL("..", import.meta.url));

/** Returns the code blocks of a Markdown file in one language. */
export async function blocksIn(file: string, language: "ts" | "js"): Promise<string[]> {
  const text = await readFile(join(root, file), "utf8");
  const fences = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"));
  return [...fences].map(([, code]) => code as string);
}

/** Lists the READMEs with tested examples: the repository's, and each package's. */
export async function readmes(): Promise<string[]> {
  const own = (await packages()).map((name) => `packages/${name}/README.md`);
  return ["README.md", ...own.filter((file) => existsSync(join(root, file)))];
}

/** Lists the pages in docs/ whose examples are complete programs. A block that begins with a file name is not one. */
export async function pagesWithExamples(): Promise<string[]> {
  const pages: string[] = [];
  for (const name of await readdir(join(root, "docs"))) {
    const page = `docs/${name}`;
    if (name.endsWith(".md") && (await blocksIn(page, "ts")).some((code) => !/^\/\/ \S+\n/.test(code)))
      pages.push(page);
  }
  return pages;
}

/** Returns the file name of an example in the consumer's project. */
export const nameOf = (readme: string, index: number): string => `${readme.replaceAll(/\W/g, "-")}-${index}`;
