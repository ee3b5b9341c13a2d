import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chartsOf } from "./charts.js";
import { Comparison } from "./comparison.js";
import { fillIn, readmesOf, sectionsOf } from "./performance.js";
import { parseResults } from "./results.js";

// Writes what was measured into docs/performance.md and the READMEs of the packages, between the marks, and the charts:
//   node dist/docs.js [RESULTS [OTHER RUN [ROOT]]]
const inRepository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const [
  file = inRepository("bench/results/first.json"),
  other = inRepository("bench/results/second.json"),
  root = inRepository(""),
] = process.argv.slice(2);
const read = async (path: string) => parseResults(await readFile(path, "utf8"), path);
const results = await read(file);
const comparison = existsSync(other) ? new Comparison(await read(other)) : undefined;
const charts = chartsOf(results);
async function fillInPage(path: string, sections: Record<string, string>): Promise<void> {
  const page = join(root, path);
  await writeFile(page, fillIn(await readFile(page, "utf8"), sections));
}

await fillInPage("docs/performance.md", sectionsOf(results, charts, comparison));
for (const [folder, speed] of Object.entries(readmesOf(results, charts, comparison)))
  await fillInPage(`packages/${folder}/README.md`, { speed });
await mkdir(join(root, "docs/charts"), { recursive: true });
for (const { name, svg } of charts) await writeFile(join(root, "docs/charts", `${name}.svg`), svg);
