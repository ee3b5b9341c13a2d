import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { runInChild } from "./child.js";
import type { EventLoopDelay } from "./event-loop-delay.js";
import { wholeNumber } from "./options.js";
import { type MillionRequest, type MillionResult, SCENARIOS, type Scenario } from "./scenario.js";
import { showSpread, spread } from "./statistics.js";
import { findStore, stores } from "./stores.js";
import { table } from "./table.js";

const TOKEN_BYTES = 43;

const weighable = Object.keys(stores).filter((name) => !stores[name]?.isRemote);

const { values } = parseArgs({
  options: {
    store: { type: "string", default: weighable.join(",") },
    sessions: { type: "string", default: "1000000" },
    size: { type: "string", default: "256" },
    rounds: { type: "string", default: "3" },
    scenario: { type: "string", default: SCENARIOS.join(",") },
    json: { type: "string" },
  },
});
const sessions = wholeNumber("sessions", values.sessions);
const size = wholeNumber("size", values.size);
const rounds = wholeNumber("rounds", values.rounds);

const wanted = SCENARIOS.filter((scenario) => values.scenario.split(",").includes(scenario));

const one = (value: number) => value.toFixed(1);
const show = (numbers: readonly number[], number: (value: number) => string = one) =>
  showSpread(spread(numbers), number);

async function measure(store: string): Promise<Map<Scenario, MillionResult[]>> {
  const { hasSnapshots } = findStore(store);
  const scenarios = wanted.filter((scenario) => scenario !== "snapshot" || hasSnapshots);
  const results = new Map<Scenario, MillionResult[]>(scenarios.map((scenario) => [scenario, []]));
  for (let round = 0; round < rounds; round++) {
    for (const scenario of scenarios) {
      const request: MillionRequest = { store, scenario, sessions, size };
      results.get(scenario)?.push(await runInChild<MillionResult>("./million-child.js", request));
    }
  }
  return results;
}

const report: Record<string, Record<string, MillionResult[]>> = {};
console.log(
  `${sessions} sessions of ${size} bytes, tokens of ${TOKEN_BYTES}, ${rounds} round(s), median (min–max)`,
);
for (const store of values.store.split(",")) {
  const results = await measure(store);
  report[store] = Object.fromEntries(results);
  const fills = [...results.values()].flat();
  const bytes = fills.map(({ bytesPerSession }) => bytesPerSession);
  const commits = fills.map(({ longestCommitMs }) => longestCommitMs);
  const finds = fills.map(({ findsPerSecond }) => findsPerSecond / 1000);
  const files = fills.flatMap((each) => each.files ?? []);
  console.log(`\n${store}
  bytes per session      ${show(bytes)}
  times token and data   ${show(
    bytes.map((each) => each / (TOKEN_BYTES + size)),
    (ratio) => ratio.toFixed(2),
  )}
  longest commit, ms     ${show(commits)}, while the store grew from nothing, ${fills.length} times
  finds a second         ${show(finds)} thousand, 64 in flight`);
  if (files.length > 0) {
    console.log(`  on disk, a session     ${show(files.map(({ bytesPerSession }) => bytesPerSession))} bytes
  opening, ms            ${show(files.map(({ openingMs }) => openingMs))}`);
  }
  console.log(`
How long others had to wait for the event loop, ms\n`);
  const columns: [string, keyof EventLoopDelay][] = [
    ["longest turn", "turnMax"],
    ["p99 of turns", "turnP99"],
    ["timer late, max", "timerMax"],
    ["timer late, p99", "timerP99"],
    ["total", "total"],
  ];
  console.log(
    table([
      ["", ...columns.map(([heading]) => heading), "sessions"],
      ...[...results].map(([scenario, measured]) => {
        const cells = columns.map(([, key]) => show(measured.map(({ delay }) => delay[key])));
        return [scenario, ...cells, String(measured[0]?.count)];
      }),
    ]),
  );
}

if (values.json !== undefined) {
  const { node, v8 } = process.versions;
  await writeFile(
    values.json,
    `${JSON.stringify({ node, v8, sessions, size, rounds, report }, undefined, 2)}\n`,
  );
}
