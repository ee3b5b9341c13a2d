import { parseArgs } from "node:util";
import { runInChild } from "./child.js";
import { wholeNumber } from "./options.js";
import { type Load, type LoadRequest, type LoadResult, OPERATIONS } from "./pg-load-request.js";
import { pgbench } from "./pgbench.js";
import { setForRun } from "./postgres.js";
import { showSpread, spread } from "./statistics.js";
import { table } from "./table.js";

const { values } = parseArgs({
  options: {
    sessions: { type: "string", default: "10000" },
    size: { type: "string", default: "256" },
    "in-flight": { type: "string", default: "64" },
    rounds: { type: "string", default: "3" },
    only: { type: "string", default: "pgstore,raw pg,connect-pg-simple" },
  },
});
const sessions = wholeNumber("sessions", values.sessions);
const size = wholeNumber("size", values.size);
const inFlight = wholeNumber("in-flight", values["in-flight"]);
const rounds = wholeNumber("rounds", values.rounds);
const contenders = values.only.split(",").map((name) => name.trim());

async function measure(contender: string, counts: boolean): Promise<LoadResult> {
  setForRun(counts ? ["shared_preload_libraries=pg_stat_statements"] : []);
  const request: LoadRequest = { contender, sessions, size, inFlight, counts };
  return runInChild<LoadResult>("./pg-load-child.js", request);
}

const statements = new Map<string, LoadResult>();
const results = new Map<string, LoadResult[]>(contenders.map((name) => [name, []]));
for (const name of contenders) statements.set(name, await measure(name, true));
for (let round = 0; round < rounds; round++)
  for (const name of contenders) results.get(name)?.push(await measure(name, false));

console.log(
  `${sessions} sessions of ${size} bytes, ${inFlight} in flight, pool of 10, ${rounds} round(s), median (min–max)`,
);
const show = (loads: readonly (Load | undefined)[], key: keyof Load, digits = 0): string =>
  showSpread(spread(loads.map((load) => load?.[key] ?? Number.NaN)), (number) => number.toFixed(digits));
for (const operation of OPERATIONS) {
  const rows = contenders.map((name) => {
    const loads = results.get(name)?.map((result) => result[operation]) ?? [];
    return [
      name,
      show(loads, "perSecond"),
      (statements.get(name)?.[operation]?.statements ?? Number.NaN).toFixed(0),
      show(loads, "serverMicros"),
      show(loads, "nodeMicros"),
      show(loads, "medianMs", 1),
      show(loads, "p99Ms", 1),
    ];
  });
  const heading = [
    operation,
    "a second",
    "statements per 1000",
    "server µs",
    "Node µs",
    "median ms",
    "p99 ms",
  ];
  console.log(`\n${table([heading, ...rows])}`);
}
setForRun([]);
const own = await pgbench(sessions, size);
console.log(
  own === undefined
    ? "\npgbench is not installed"
    : `\npgbench, prepared, 10 clients: find ${own.find.toFixed(0)}, update ${own.update.toFixed(0)} a second`,
);
