import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chartsOf } from "./charts.js";
import { Comparison } from "./comparison.js";
import { fillIn, sectionsOf } from "./performance.js";
import { parseResults } from "./results.js";

// Writes what was measured into docs/performance.md, between the marks, and the charts beside it:
//   node dist/docs.js [RESULTS [OTHER RUN [DOCS]]]
const inRepository = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const [
  file = inRepository("bench/results/first.json"),
  other = inRepository("bench/results/second.json"),
  docs = inRepository("docs"),
] = process.argv.slice(2);
const read = async (path: string) => parseResults(await readFile(path, "utf8"), path);
const results = await read(file);
const comparison = existsSync(other) ? new Comparison(await read(other)) : undefined;
const page = join(docs, "performance.md");
const charts = chartsOf(results);
await writeFile(page, fillIn(await readFile(page, "utf8"), sectionsOf(results, charts, comparison)));
await mkdir(join(docs, "charts"), { recursive: true });
for (const { name, svg } of charts) await writeFile(join(docs, "charts", `${name}.svg`), svg);
