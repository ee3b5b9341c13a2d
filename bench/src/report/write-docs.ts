// Writes docs/performance and the speed sections of the READMEs from bench/results.json: npm run bench:docs
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseResults, type StoreResults } from "../scenarios/results.js";
import { comparisons, pageOf, sentenceOf } from "./pages.js";
import { replaceSection } from "./section.js";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const file = join(root, "bench/results.json");
const { stores } = parseResults(readFileSync(file, "utf8"), file);
const { repository } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
  repository: { url: string };
};
const github = repository.url.replace(/^git\+|\.git$/g, "");
const raw = github.replace("github.com", "raw.githubusercontent.com");

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

/** Writes chart and sentence into a README. The links are absolute because npm shows READMEs as well. */
function writeSpeed(store: string, results: StoreResults): void {
  const readme = join(root, "packages", store, "README.md");
  if (!existsSync(readme)) return;
  const chart = `${raw}/main/docs/performance/charts/${store}.svg`;
  const text = [
    `![${store} and its alternatives: calls a second by operation](${chart})`,
    `${sentenceOf(store, results)}; [all figures](${github}/blob/main/docs/performance/${store}.md).`,
  ].join("\n\n");
  writeFileSync(readme, replaceSection(readFileSync(readme, "utf8"), "speed", text));
}

const files = Object.entries(stores).map(([store, results]) => pageOf(store, results));
for (const [path, text] of [...files, comparisons(stores)].flatMap((each) => Object.entries(each)))
  write(path, text);
for (const [store, results] of Object.entries(stores)) writeSpeed(store, results);
const readme = join(root, "packages/session/README.md");
const requests = [
  `![Requests a second to an Express application, by store](${raw}/main/docs/performance/charts/requests.svg)`,
  `The manager beside express-session, on each store; [how it was measured](${github}/blob/main/docs/performance/README.md).`,
].join("\n\n");
writeFileSync(readme, replaceSection(readFileSync(readme, "utf8"), "speed", requests));
