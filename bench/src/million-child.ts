import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type FullStore, TimeSlice } from "@scs/core";
import { answer, collectGarbage } from "./child.js";
import { bytesOf, flush, makeDirectory, remove } from "./directory.js";
import { drivePromises } from "./drive.js";
import { measureEventLoopDelay } from "./event-loop-delay.js";
import type { MillionRequest, MillionResult, Scenario } from "./scenario.js";
import { shuffled, tokenGenerator } from "./sessions.js";
import { findStore } from "./stores.js";

const SOON_MS = 1_000;
const LATER_MS = 3_600_000;
const IDLE_MS = 400;
const SETTLE_MS = 1_000;
/** How many sessions are read back, one in so many. */
const SAMPLED = 97;

/** A store that flushes takes many at a time; one of memory takes one, to show how long that can be. */
const FILLING = { durable: 256, memory: 1 };
/** How often it is looked whether a snapshot is there. */
const LOOK_MS = 5;
const FINDS = { count: 20_000, inFlight: 64 };

/** Of every thousand sessions in a row, this many expire soon. */
const EXPIRING: Record<Scenario, number> = {
  idle: 0,
  "sweep 0.1 %": 1,
  "sweep 50 %": 500,
  "sweep 90 %": 900,
  entries: 0,
  snapshot: 0,
};

/** Spread over the sessions as evenly as can be. */
const expiresSoon = (scenario: Scenario, index: number) =>
  ((index + 1) * EXPIRING[scenario]) % 1000 < EXPIRING[scenario];

/** Heap and what lies beside it; `external` has the array buffers in it already. */
function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Makes bytes of every value, which differ from session to session. */
function createData(index: number, size: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = (index >>> (i % 24)) + i;
  return data;
}

/** Commits the sessions, keeping neither token nor data, and gives the longest commit, in ms. */
async function fill(
  store: FullStore,
  inFlight: number,
  start: number,
  { scenario, sessions, size }: MillionRequest,
): Promise<number> {
  const nextToken = tokenGenerator(1);
  let longest = 0;
  await drivePromises(sessions, inFlight, async (index) => {
    const token = nextToken();
    const data = createData(index, size);
    const expiry = new Date(start + (expiresSoon(scenario, index) ? SOON_MS : LATER_MS));
    const began = performance.now();
    await store.commit(token, data, expiry);
    longest = Math.max(longest, performance.now() - began);
  });
  return longest;
}

/** Finds sessions at random, all of which are live, and gives how many that is a second. */
async function find(store: FullStore, sessions: number): Promise<number> {
  const nextToken = tokenGenerator(1);
  const tokens = Array.from({ length: sessions }, nextToken);
  const order = shuffled(sessions, 2).slice(0, FINDS.count);
  const chosen = order.map((index) => tokens[index] as string);
  const started = performance.now();
  const found = await drivePromises(chosen.length, FINDS.inFlight, (index) =>
    store.find(chosen[index] as string),
  );
  const elapsed = performance.now() - started;
  if (found !== chosen.length) throw new Error(`found ${found} sessions of ${chosen.length}`);
  return (found / elapsed) * 1000;
}

/** Paths of the files of the directory whose names begin so. */
async function filesOf(directory: string, beginning: string): Promise<string[]> {
  const names = await readdir(directory);
  return names.filter((name) => name.startsWith(beginning)).map((name) => join(directory, name));
}

/** Carries out the scenario, and gives how many sessions it was about. */
async function run(store: FullStore, directory: string, { scenario, size }: MillionRequest): Promise<number> {
  let count = 0;
  if (scenario === "idle") {
    const slice = new TimeSlice();
    for (const end = performance.now() + IDLE_MS; performance.now() < end; )
      if (slice.isOver) await slice.next();
  } else if (scenario === "entries") {
    for await (const { data } of store.entries()) if (data.length === size) count++;
  } else if (scenario === "snapshot") {
    const before = await filesOf(directory, "snapshot-");
    await store.commit("one more", createData(0, size), new Date(Date.now() + LATER_MS)); // the log is large enough now
    const isSaved = async (): Promise<boolean> => {
      const [only, ...others] = await filesOf(directory, "snapshot-");
      return others.length === 0 && only !== undefined && !only.endsWith(".tmp") && only !== before[0];
    };
    while (!(await isSaved())) await setTimeout(LOOK_MS);
  } else {
    count = await store.deleteExpired();
  }
  return count;
}

/** A wrong answer makes the time that it took worthless. */
async function verify(
  store: FullStore,
  count: number,
  { scenario, sessions, size }: MillionRequest,
): Promise<void> {
  const nextToken = tokenGenerator(1);
  let expected = scenario === "entries" ? sessions : 0;
  for (let index = 0; index < sessions; index++) {
    const token = nextToken();
    const isGone = expiresSoon(scenario, index);
    if (isGone) expected++;
    if (index % SAMPLED !== 0) continue;
    const found = await store.find(token);
    if (
      isGone
        ? found !== undefined
        : found === undefined || Buffer.compare(found.data, createData(index, size)) !== 0
    ) {
      throw new Error(`${scenario}: session ${index} was not read back as it should be`);
    }
  }
  if (count !== expected) throw new Error(`${scenario}: counted ${count} sessions, expected ${expected}`);
}

/** Makes the next commit that which begins a snapshot. */
async function snapshotOptions(
  directory: string,
  { scenario }: MillionRequest,
): Promise<{ minLogBytes?: number }> {
  if (scenario !== "snapshot") return {};
  const sizes = (await filesOf(directory, "log-")).map(async (path) => (await stat(path)).size);
  return { minLogBytes: (await Promise.all(sizes)).reduce((sum, size) => sum + size, 1) };
}

await answer<MillionRequest, MillionResult>(async (request) => {
  const start = Date.now();
  let now = start;
  const kind = findStore(request.store);
  const directory = await makeDirectory();
  const options = { cleanupIntervalMs: 0, now: () => now };
  const before = usedBytes();
  let store = await kind.open(directory, { ...options, durability: "committed" });
  const inFlight = kind.isDurable ? FILLING.durable : FILLING.memory;
  const longestCommitMs = await fill(store, inFlight, start, request);
  let files: MillionResult["files"];
  if (kind.isDurable) {
    await store[Symbol.asyncDispose]();
    await flush(directory);
    const began = performance.now();
    store = await kind.open(directory, { ...options, ...(await snapshotOptions(directory, request)) });
    files = {
      openingMs: performance.now() - began,
      bytesPerSession: (await bytesOf(directory)) / request.sessions,
    };
  }
  const bytesPerSession = (usedBytes() - before) / request.sessions;
  const findsPerSecond = await find(store, request.sessions);
  // What the fill left to the collector is a cost of the fill: its threads sweep on after a collection, and
  // would hold up the first slices of what is measured next by 10 to 40 ms.
  collectGarbage();
  await setTimeout(SETTLE_MS);
  now += SOON_MS;
  let count = 0;
  const delay = await measureEventLoopDelay(async () => {
    count = await run(store, directory, request);
  });
  await verify(store, count, request);

  await store[Symbol.asyncDispose]();
  await remove(directory);
  return { longestCommitMs, bytesPerSession, ...(files && { files }), findsPerSecond, delay, count };
});
