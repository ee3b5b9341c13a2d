import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packages } from "./consumer-project.js";

const root: string = fileURLToPath(new URL("..", import.meta.url));

/** The code blocks of a Markdown file in one language. */
export async function blocksIn(file: string, language: "ts" | "js"): Promise<string[]> {
  const text = await readFile(join(root, file), "utf8");
  const fences = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"));
  return [...fences].map(([, code]) => code as string);
}

/** The READMEs whose examples have to work: the first page, and that of each package. */
export async function readmes(): Promise<string[]> {
  const own = (await packages()).map((name) => `packages/${name}/README.md`);
  return ["README.md", ...own.filter((file) => existsSync(join(root, file)))];
}

/** The file name of an example in the project of a consumer. */
export const nameOf = (readme: string, index: number): string => `${readme.replaceAll(/\W/g, "-")}-${index}`;
