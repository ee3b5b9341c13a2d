import { writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { runInChild } from "./child.js";
import { contenders as all, findContender } from "./contender.js";
import { OPERATIONS, type Operation, type OperationsRequest, type OperationsResult } from "./operation.js";
import { wholeNumber } from "./options.js";
import { type Spread, showSpread, spread } from "./statistics.js";
import { table } from "./table.js";

const { values } = parseArgs({
  options: {
    sessions: { type: "string", default: "10000" },
    size: { type: "string", default: "256" },
    "in-flight": { type: "string", default: "64,1" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    quick: { type: "boolean", default: false },
    json: { type: "string" },
  },
});
const sessions = wholeNumber("sessions", values.sessions);
const size = wholeNumber("size", values.size);
const rounds = values.quick ? 1 : wholeNumber("rounds", values.rounds);
const measureMs = values.quick ? 50 : 300;
const contenders = values.only?.split(",").map((name) => findContender(name.trim())) ?? all;
const ours = contenders.filter(({ isPeer }) => !isPeer);
const peers = contenders.filter(({ isPeer }) => isPeer);

/** Operations per second, and how many times those of each peer; or what was wrong, and no figure. */
interface Cell {
  perSecond?: Spread;
  timesPeer?: Record<string, Spread>;
  failure?: string;
}

const showRate = (rate: number) =>
  rate < 10_000 ? `${(rate / 1000).toFixed(1)}k` : `${Math.round(rate / 1000)}k`;
const showRatio = (ratio: number) => ratio.toFixed(2);
const show = (value: Spread | undefined, number: (value: number) => string) =>
  value === undefined ? "void" : showSpread(value, number);

/** One round after the other, all contenders in each, so that noise of the machine meets all of them. */
async function measure(inFlight: number): Promise<Map<string, OperationsResult[]>> {
  const results = new Map<string, OperationsResult[]>(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const { name } of contenders) {
      const request: OperationsRequest = { contender: name, sessions, size, inFlight, measureMs };
      try {
        results.get(name)?.push(await runInChild<OperationsResult>("./operations-child.js", request));
      } catch (error) {
        const failure = error instanceof Error ? error.message : String(error);
        results.get(name)?.push(Object.fromEntries(OPERATIONS.map((operation) => [operation, failure])));
      }
    }
  }
  return results;
}

function summarise(results: Map<string, OperationsResult[]>, name: string, operation: Operation): Cell {
  const rates = results.get(name)?.map((result) => result[operation]) ?? [];
  const failure = rates.find((rate) => typeof rate !== "number");
  if (failure !== undefined) return { failure: String(failure) };
  const perSecond = spread(rates as number[]);
  const timesPeer: Record<string, Spread> = {};
  for (const peer of peers) {
    const ratios = rates.map(
      (rate, round) => Number(rate) / Number(results.get(peer.name)?.[round]?.[operation]),
    );
    if (ratios.every(Number.isFinite)) timesPeer[peer.name] = spread(ratios);
  }
  return { perSecond, timesPeer };
}

const report: { inFlight: number; cells: Record<string, Record<Operation, Cell>> }[] = [];
console.log(`Operations per second: ${sessions} sessions of ${size} bytes, ${rounds} round(s), median (min–max)
A peer takes and gives objects: its figures include its JSON. Ours take and give bytes: their figures do not.
"+ JSON" is ours with JSON and text encoding included: the same work as the peers'.`);

for (const inFlight of values["in-flight"].split(",").map((value) => wholeNumber("in-flight", value))) {
  const results = await measure(inFlight);
  const cells = Object.fromEntries(
    contenders.map(({ name }) => [
      name,
      Object.fromEntries(OPERATIONS.map((each) => [each, summarise(results, name, each)])) as Record<
        Operation,
        Cell
      >,
    ]),
  );
  report.push({ inFlight, cells });
  console.log(`\n${inFlight} in flight\n`);
  console.log(
    table([
      ["", ...OPERATIONS],
      ...contenders.map(({ name }) => [
        name,
        ...OPERATIONS.map((operation) => show(cells[name]?.[operation].perSecond, showRate)),
      ]),
    ]),
  );
  console.log("\nTimes as many as the peer, ratio round by round\n");
  console.log(
    table([
      ["", ...OPERATIONS],
      ...ours.flatMap(({ name }) =>
        peers.map((peer) => [
          `${name} / ${peer.name}`,
          ...OPERATIONS.map((operation) => show(cells[name]?.[operation].timesPeer?.[peer.name], showRatio)),
        ]),
      ),
    ]),
  );
  for (const { name } of contenders) {
    for (const operation of OPERATIONS) {
      const failure = cells[name]?.[operation].failure;
      if (failure === undefined) continue;
      console.error(`${name}, ${operation}: ${failure}`);
      process.exitCode = 1;
    }
  }
}

if (values.json !== undefined) {
  const { node, v8 } = process.versions;
  await writeFile(
    values.json,
    `${JSON.stringify({ node, v8, sessions, size, rounds, report }, undefined, 2)}\n`,
  );
}
