import type { Chart } from "./charts.js";
import { cleanupTable } from "./cleanup.js";
import type { Comparison } from "./comparison.js";
import { growthTable, processesTable } from "./growth-report.js";
import { headlines, latencies } from "./headlines.js";
import { groupHttp, httpPairs, httpTable } from "./http-report.js";
import type { Operation } from "./operation.js";
import { byStore, failuresOf, groupCells, pairsOf, tableOf } from "./report.js";
import { type Results, rateRatio } from "./results.js";
import { asMarkdown } from "./table.js";
import { targetsTable } from "./targets.js";

/** Puts each section between its marks, `<!-- name -->` and `<!-- /name -->`. @throws Error if a mark is missing */
export function fillIn(page: string, sections: Record<string, string>): string {
  let filled = page;
  for (const [name, text] of Object.entries(sections)) {
    const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
    const [start, end] = [filled.indexOf(open), filled.indexOf(close)];
    if (start < 0 || end < start) throw new Error(`the page has no marks ${open} and ${close}`);
    filled = `${filled.slice(0, start + open.length)}\n\n${text.trim()}\n\n${filled.slice(end)}`;
  }
  return filled;
}

/** The parts of the page that are made of what was measured. */
export function sectionsOf(
  results: Results,
  charts: readonly Chart[],
  comparison?: Comparison,
): Record<string, string> {
  const image = (chart: Chart) =>
    `![${chart.alternative.replaceAll(/[[\]]/g, "")}](charts/${chart.name}.svg)`;
  const groups = groupCells(results.cells);
  const stores = [...byStore(groups)].map(([store, own]) => {
    const chart = charts.find(({ name }) => name === store);
    return [
      `### ${store}`,
      ...(chart === undefined ? [] : [image(chart)]),
      ...[...headlines(own, results, comparison), ...latencies(own, results)].map(asMarkdown),
      `<details><summary>All that was measured of ${store} and what stands beside it</summary>`,
      ...own.map((group) => asMarkdown(tableOf(group, results, comparison))),
      "</details>",
    ].join("\n\n");
  });
  const grown = [...new Set(results.growth.map(({ store }) => store))];
  const growth = [
    ...charts.filter(({ name }) => name.startsWith("growth-")).map(image),
    ...grown.map((store) => asMarkdown(growthTable(store, results.growth))),
  ];
  const processes = results.processes.length > 0 ? [asMarkdown(processesTable(results.processes))] : [];
  const http = [
    ...charts.filter(({ name }) => name.startsWith("http-")).map(image),
    ...groupHttp(results.http).map((rows) => asMarkdown(httpTable(rows, comparison))),
  ];
  const targets = targetsTable(results, comparison);
  const none = "Not measured in the run that this page is made of.";
  return {
    machine: machineOf(results),
    contenders: contendersOf(results),
    agreement: agreementOf(results, comparison),
    targets: targets.rows.length > 1 ? asMarkdown(targets) : none,
    stores: stores.join("\n\n") || none,
    growth: growth.join("\n\n") || none,
    processes: processes.join("\n\n") || none,
    cleanup: results.cleanup.length > 0 ? asMarkdown(cleanupTable(results.cleanup)) : none,
    http: http.join("\n\n") || none,
  };
}

/** What a README shows of its store, by how many calls are in flight: many, and one, where nothing is put together. */
const IN_README: Partial<Record<number, readonly Operation[]>> = {
  64: ["find", "miss", "insert", "update", "replace", "touch", "delete", "mix"],
  1: ["find", "update", "all", "entries", "deleteExpired"],
};

/** What the README of each package says of its speed, by the package's folder. */
export function readmesOf(
  results: Results,
  charts: readonly Chart[],
  comparison?: Comparison,
): Record<string, string> {
  const image = (chart: Chart, alternative: string) =>
    `![${alternative}](../../docs/charts/${chart.name}.svg)`;
  const method =
    "Medians of the rounds (lowest–highest), side by side on one machine; `!`: a second run differs by more than 30 %, `?`: it does not have it. How it was measured, where others are faster, and everything else, is in [docs/performance.md](../../docs/performance.md).";
  const texts: Record<string, string> = {};
  for (const [store, groups] of byStore(groupCells(results.cells))) {
    const [first] = groups;
    const shown = groups.filter(
      ({ operation, inFlight, size }) => IN_README[inFlight]?.includes(operation) && size === first?.size,
    );
    const chart = charts.find(({ name }) => name === store);
    if (chart === undefined) continue;
    texts[store] = [
      image(chart, `${store} and what stands beside it: calls a second by operation`),
      ...headlines(shown, results, comparison).map(asMarkdown),
      method,
    ].join("\n\n");
  }
  const rows = results.http.filter(({ store }) => store === "memstore");
  const requests = charts.filter(({ name }) => name.startsWith("http-"));
  if (rows.length > 0) {
    texts.session = [
      ...requests.map((chart) => image(chart, "Requests a second, by store")),
      ...groupHttp(rows).map((each) => asMarkdown(httpTable(each, comparison))),
      method,
    ].join("\n\n");
  }
  return texts;
}

function machineOf({ machine, versions, date, skipped }: Results): string {
  const { cpu, cores, memoryGiB, kernel, fileSystem } = machine;
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return [
    `- ${cpu}, ${cores} cores, ${memoryGiB} GiB of memory; ${kernel}; ${fileSystem}`,
    `- ${named.join(", ")}`,
    `- begun on ${date.slice(0, 10)}`,
    ...skipped.map((line) => `- not measured: ${line}`),
  ].join("\n");
}

function contendersOf({ contenders }: Results): string {
  const all = new Map(Object.values(contenders).flatMap((facts) => Object.entries(facts)));
  const rows = [...all].map(([name, { durability, takes, version = "", note = "" }]) => [
    name,
    durability,
    takes,
    version,
    note,
  ]);
  return asMarkdown({
    title: "Contenders, and what a write that they have acknowledged survives",
    rows: [["", "survives", "takes", "version", ""], ...rows],
  });
}

function agreementOf(results: Results, comparison: Comparison | undefined): string {
  const voids = voidsOf(
    results,
    comparison === undefined ? "No cell is void." : "No cell of the first is void.",
  );
  if (comparison === undefined) return `${voids}\n\nThere is no second run to compare with.`;
  const ofCells = groupCells(results.cells).flatMap((group) =>
    pairsOf(group, results.contenders[group.store] ?? {}, comparison).map(({ agrees }) => agrees),
  );
  const ofHttp = groupHttp(results.http).flatMap((rows) =>
    httpPairs(rows)
      .filter(([mine, row]) => rateRatio(mine, row) !== undefined)
      .map(([mine, row]) => comparison.agreesOverHttp(mine, row)),
  );
  const say = (what: string, all: readonly (boolean | undefined)[]) => {
    const compared = all.filter((agrees) => agrees !== undefined);
    const missing = all.length - compared.length;
    return `Of ${compared.length} ratios of ${what} that two runs have, ${compared.filter(Boolean).length} agree within 30 %; the others are marked \`!\`.${missing > 0 ? ` ${missing} are in the first run alone, and marked \`?\`.` : ""}`;
  };
  return [
    say("operations", ofCells),
    ...(ofHttp.length > 0 ? [say("applications", ofHttp)] : []),
    voids,
    voidsOf(comparison.other, "No cell of the second is void."),
  ].join("\n\n");
}

function voidsOf(results: Results, none: string): string {
  const failures = failuresOf(results);
  return failures.length === 0 ? none : `Void cells:\n\n${failures.map((each) => `- ${each}`).join("\n")}`;
}
