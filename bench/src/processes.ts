import { runInChild } from "./child.js";
import { databaseFor } from "./database.js";
import { makeDirectory } from "./directory.js";
import type { ProcessesMessage, ProcessesRequest } from "./processes-child.js";
import type { Site } from "./site.js";
import { findStore } from "./stores.js";

/** Several processes at work on one backend. */
export const SHARED_OPERATIONS = ["find", "update"] as const;
export type SharedOperation = (typeof SHARED_OPERATIONS)[number];

export interface ProcessesRow {
  store: string;
  operation: SharedOperation;
  processes: number;
  sessions: number;
  size: number;
  /** In each of the processes. */
  inFlight: number;
  /** Calls a second of all of them together. */
  rounds: ({ perSecond: number } | { failure: string })[];
}

export interface ProcessesOptions {
  stores: readonly string[];
  processes: readonly number[];
  sessions: number;
  size: number;
  rounds: number;
  measureMs: number;
}

const IN_FLIGHT = 64;
const LIMIT_MS = 240_000;

/** Measures stores that processes can share, with so many of them at once, each in a lane of sessions of its own. */
export async function measureProcesses(
  { stores, processes, sessions, size, rounds, measureMs }: ProcessesOptions,
  { directory: run, servers, progress }: Site,
): Promise<ProcessesRow[]> {
  const shared = stores.filter((name) => findStore(name).isShared);
  const rows: ProcessesRow[] = [];
  progress.start(shared.length * processes.length * rounds);
  for (const store of shared) {
    const { server } = findStore(store);
    const ofStore = processes.flatMap((count) =>
      SHARED_OPERATIONS.map(
        (operation): ProcessesRow => ({
          store,
          operation,
          processes: count,
          sessions,
          size,
          inFlight: IN_FLIGHT,
          rounds: [],
        }),
      ),
    );
    rows.push(...ofStore);
    for (let round = 0; round < rounds; round++) {
      for (const count of processes) {
        progress.step(`${store}: ${count} processes`);
        const database = await databaseFor(server, servers);
        const request = {
          store,
          sessions,
          size,
          inFlight: IN_FLIGHT,
          measureMs,
          expiry: Date.now() + 86_400_000,
          directory: await makeDirectory(run),
          ...(database !== undefined && { url: database.url }),
        };
        const measured = await measureTogether(request, count);
        await database?.drop();
        for (const row of ofStore.filter((each) => each.processes === count)) {
          row.rounds.push("failure" in measured ? measured : { perSecond: measured[row.operation] });
        }
      }
    }
  }
  return rows;
}

/** The steps that all processes take together: none begins before all have ended the one before. */
export type SharedStep = "fill" | "warm" | SharedOperation | "verify";
const STEPS: readonly SharedStep[] = ["fill", "warm", "find", "update", "verify"];

async function measureTogether(
  request: Omit<ProcessesRequest, "number" | "processes">,
  processes: number,
): Promise<Record<SharedOperation, number> | { failure: string }> {
  const sums = { find: 0, update: 0 };
  let step = 0;
  let waiting: ((answer: object) => void)[] = [];
  const failed: { failure?: string } = {};
  const others = new AbortController();
  const versions: number[][] = [];
  const goOn = () => {
    if (waiting.length < processes) return;
    const all = waiting;
    waiting = [];
    const next = STEPS[step++];
    for (const reply of all) reply({ step: next ?? "end", ...(next === "verify" && { versions }) });
  };
  const children = Array.from({ length: processes }, (_, number) =>
    runInChild<ProcessesMessage>(
      "./processes-child.js",
      { ...request, number, processes },
      {
        onMessage: ({ perSecond, failure, versions: ofOne }, reply) => {
          if (ofOne !== undefined) versions[number] = ofOne;
          if (failure !== undefined) failed.failure ??= failure;
          const done = STEPS[step - 1];
          if (perSecond !== undefined && (done === "find" || done === "update")) sums[done] += perSecond;
          waiting.push(reply);
          goOn();
        },
        limitMs: LIMIT_MS,
        signal: others.signal,
      },
    ),
  );
  // The others would wait for ever for one that has ended before its time.
  for (const child of children) {
    child.catch((error) => {
      failed.failure ??= error instanceof Error ? error.message : String(error);
      others.abort();
    });
  }
  await Promise.allSettled(children);
  return failed.failure === undefined ? sums : { failure: failed.failure };
}
