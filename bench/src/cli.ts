import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { chartsOf } from "./charts.js";
import { killChildren } from "./child.js";
import { Comparison } from "./comparison.js";
import { makeRunDirectory, remove } from "./directory.js";
import { measureGrowth } from "./growth.js";
import { growthTable, processesTable } from "./growth-report.js";
import { describeMachine } from "./machine.js";
import { type Options, readOptions, storesOf, USAGE } from "./options.js";
import { measureProcesses } from "./processes.js";
import { ProgressBar } from "./progress.js";
import { failuresOf, groupCells, headline, tableOf } from "./report.js";
import { formatResults, merge, parseResults, type Results } from "./results.js";
import { Run } from "./run.js";
import { asText, type Table } from "./table.js";

async function read(file: string): Promise<Results> {
  return parseResults(await readFile(file, "utf8"), file);
}

/** Measures what the options ask for. */
async function measure(options: Options, directory: string): Promise<Results> {
  const { families, sizes, rounds, measureMs, processes } = options;
  const [size = 256] = sizes;
  const [sessions = 10_000] = options.sessions;
  const empty = { contenders: {}, cells: [], growth: [], processes: [], skipped: [] };
  const results: Results = {
    format: 1,
    date: new Date().toISOString(),
    machine: describeMachine(directory),
    versions: { node: process.versions.node, v8: process.versions.v8 },
    ...empty,
  };
  const progress = new ProgressBar();
  const stores = storesOf(families);
  try {
    if (options.kind === "growth") {
      const growth = await measureGrowth(
        { stores, sessions: options.sessions, size, rounds },
        directory,
        progress,
      );
      return { ...results, growth };
    }
    if (options.kind === "processes") {
      const shared = { stores, processes, sessions, size, rounds, measureMs };
      return { ...results, processes: await measureProcesses(shared, directory, progress) };
    }
    const profiles = options.profiles;
    const nodeOptions =
      profiles === undefined
        ? []
        : ["--cpu-prof", `--cpu-prof-dir=${resolve(profiles)}`, "--cpu-prof-interval=200"];
    const { versions, ...measured } = await new Run(
      { ...options, sessions, nodeOptions },
      directory,
      progress,
    ).measure();
    return { ...results, ...measured, versions: { ...results.versions, ...versions } };
  } finally {
    progress.stop();
  }
}

/** All tables of what was measured. */
function tablesOf(results: Results, comparison: Comparison | undefined): Table[] {
  const groups = groupCells(results.cells);
  const stores = [...new Set(groups.map(({ store }) => store))];
  const grown = [...new Set(results.growth.map(({ store }) => store))];
  return [
    ...groups.map((group) => tableOf(group, results, comparison)),
    ...stores.flatMap(
      (store) =>
        headline(
          groups.filter((group) => group.store === store),
          results,
          comparison,
        ) ?? [],
    ),
    ...grown.map((store) => growthTable(store, results.growth)),
    ...(results.processes.length > 0 ? [processesTable(results.processes)] : []),
  ];
}

const LEGEND = `Median (min–max) of the rounds; p50 and p99 of a call; CPU time of a call, in the process and in the server.
survives: memory, nothing; process, kill -9; flushed, power failure. "-": it has no such operation.
all, entries and deleteExpired: sessions a second, a call taking all of them.
/ it: how many times as many a second ours makes, ratio round by round; beside peers ours with JSON, beside limits on
bytes; [in brackets]: the two do not promise the same durability; !: differs by more than 30 % from the other run.`;

async function main(options: Options): Promise<void> {
  const { json, add, compare, out, show } = options;
  const earlier = add === undefined ? undefined : await read(add);
  const comparison = compare === undefined ? undefined : new Comparison(await read(compare));
  let results: Results;
  if (show !== undefined) results = await read(show);
  else {
    const directory = makeRunDirectory();
    const stop = (signal: NodeJS.Signals) => {
      killChildren();
      void remove(directory).finally(() => process.kill(process.pid, signal));
    };
    process.once("SIGINT", stop).once("SIGTERM", stop);
    try {
      results = await measure(options, directory);
    } finally {
      await remove(directory);
      process.off("SIGINT", stop).off("SIGTERM", stop);
    }
  }
  const tables = tablesOf(results, comparison).map(asText);
  const { cpu, cores, memoryGiB, kernel, fileSystem } = results.machine;
  const text = [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${kernel}; ${fileSystem}; Node ${results.versions.node}\n${LEGEND}`,
    ...tables,
    ...(results.skipped.length > 0 ? [`Not measured:\n${results.skipped.join("\n")}`] : []),
  ].join("\n\n");
  console.log(text);
  const all = earlier === undefined ? results : merge(earlier, results);
  if (json !== undefined) await writeFile(json, formatResults(all));
  if (out !== undefined) {
    await mkdir(out, { recursive: true });
    await writeFile(join(out, "tables.txt"), `${text}\n`);
    await writeFile(join(out, "results.json"), formatResults(all));
    for (const { name, svg } of chartsOf(all)) await writeFile(join(out, `${name}.svg`), svg);
  }
  const failures = failuresOf(results);
  if (failures.length > 0) {
    console.error(`\nVoid:\n${failures.join("\n")}`);
    process.exitCode = 1;
  }
}

/** What a caller did wrong is said in a line; everything else with its stack. */
function complain(error: unknown): void {
  const isUsage = error instanceof RangeError || error instanceof TypeError;
  console.error(isUsage ? error.message : error);
  process.exitCode = isUsage ? 2 : 1;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") console.log(USAGE);
  else await main(options);
} catch (error) {
  complain(error);
}
