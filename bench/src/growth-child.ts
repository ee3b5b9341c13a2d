import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { FullStore } from "@scs/core";
import { TimeSlice } from "@scs/core/kit";
import { collectGarbage, request, send } from "./child.js";
import { bytesOf, flush, makeDirectory } from "./directory.js";
import { drive } from "./drive.js";
import { measureEventLoopDelay } from "./event-loop-delay.js";
import type { GrowthFigures } from "./growth.js";
import { GrowingSessions, ratesOf } from "./growth-rates.js";
import { findStore } from "./stores.js";

/** What one process measures: one store with so many sessions. */
export interface GrowthRequest {
  store: string;
  sessions: number;
  size: number;
  /** The directory of the run. */
  run: string;
  url?: string;
}

const IDLE_MS = 400;
const SETTLE_MS = 500;
/** A store that flushes takes many at a time; one of memory takes one, to show how long that can be. */
const FILLING = { durable: 256, memory: 1 };
/** How often it is looked whether a snapshot is there. */
const LOOK_MS = 5;

const { store: name, sessions: count, size, run, url } = request<GrowthRequest>();
const kind = findStore(name);
let now = Date.now();
const sessions = new GrowingSessions(count, size, now);

/** Heap and what lies beside it; `external` has the array buffers in it already. */
function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Commits the sessions, keeping neither token nor data, and gives the longest commit, in ms. */
async function fill(store: FullStore): Promise<number> {
  const inFlight = kind.isDurable || url !== undefined ? FILLING.durable : FILLING.memory;
  let longest = 0;
  const how = { count, inFlight, ms: Number.POSITIVE_INFINITY, every: 2 ** 30 };
  await drive("promise", how, async (index) => {
    const began = performance.now();
    await store.commit(sessions.tokens.at(index), sessions.data(index), sessions.expiryOf(index));
    longest = Math.max(longest, performance.now() - began);
  });
  return longest;
}

/** Paths of the files of the store whose names begin so. */
async function filesOf(directory: string, beginning: string): Promise<string[]> {
  const names = await readdir(directory, { recursive: true });
  return names
    .filter((each) => each.split(/[\\/]/).at(-1)?.startsWith(beginning))
    .map((each) => join(directory, each));
}

/** Lets the next commit begin a snapshot, and measures until it is saved. */
async function measureSnapshot(directory: string): Promise<GrowthFigures["delays"]> {
  if (!kind.hasSnapshots) return {};
  const sizes = (await filesOf(directory, "log-")).map(async (path) => (await stat(path)).size);
  const minLogBytes = (await Promise.all(sizes)).reduce((sum, bytes) => sum + bytes, 1);
  const store = await kind.open({ directory }, { cleanupIntervalMs: 0, now: () => now, minLogBytes });
  const before = await filesOf(directory, "snapshot-");
  const isSaved = async (): Promise<boolean> => {
    const [only, ...others] = await filesOf(directory, "snapshot-");
    return others.length === 0 && only !== undefined && !only.endsWith(".tmp") && only !== before[0];
  };
  await settle();
  const snapshot = await measureEventLoopDelay(async () => {
    await store.commit(sessions.tokens.at(0), sessions.data(0), sessions.expiryOf(0));
    while (!(await isSaved())) await setTimeout(LOOK_MS);
  });
  await store[Symbol.asyncDispose]();
  return { snapshot };
}

/**
 * What was done before left to the collector is a cost of that: its threads sweep on after a collection, and would
 * hold up the first slices of what is measured next by 10 to 40 ms.
 */
async function settle(): Promise<void> {
  collectGarbage();
  await setTimeout(SETTLE_MS);
}

/** Does nothing, in slices of 2 ms: delays beyond that are the machine's, not the store's. */
async function idle(): Promise<void> {
  const slice = new TimeSlice();
  for (const end = performance.now() + IDLE_MS; performance.now() < end; )
    if (slice.isOver) await slice.next();
}

function assertCount(what: string, given: number, expected: number): void {
  if (given !== expected) throw new Error(`${what}: ${given} sessions, expected ${expected}`);
}

async function measure(): Promise<GrowthFigures> {
  const directory = await makeDirectory(run);
  const options = { cleanupIntervalMs: 0, now: () => now };
  const environment = { directory, ...(url !== undefined && { url }) };
  let before = usedBytes();
  let store = await kind.open(environment, { ...options, durability: "committed" });
  const longestCommitMs = await fill(store);
  const figures: Partial<GrowthFigures> = {};
  let delays: GrowthFigures["delays"] = {};
  if (kind.isDurable) {
    await store[Symbol.asyncDispose]();
    delays = await measureSnapshot(directory);
    await flush(directory);
    figures.diskBytesPerSession = (await bytesOf(directory)) / count;
    before = usedBytes();
    const began = performance.now();
    store = await kind.open(environment, options);
    figures.openingMs = performance.now() - began;
  }
  if (url === undefined) figures.bytesPerSession = (usedBytes() - before) / count;
  const perSecond = await ratesOf(store, sessions);
  await settle();
  delays.idle = await measureEventLoopDelay(idle);
  let listed = 0;
  delays.all = await measureEventLoopDelay(async () => {
    listed = (await store.all()).size;
  });
  assertCount("all", listed, count);
  await settle();
  let walked = 0;
  delays.entries = await measureEventLoopDelay(async () => {
    for await (const { data } of store.entries()) if (data.length === size) walked++;
  });
  assertCount("entries", walked, count);
  await settle();
  now = sessions.soon;
  let removed = 0;
  delays.deleteExpired = await measureEventLoopDelay(async () => {
    removed = await store.deleteExpired();
  });
  assertCount("deleteExpired", removed, Math.floor(count / 2));
  await sessions.verify(store);
  await store[Symbol.asyncDispose]();
  return { ...figures, longestCommitMs, perSecond, delays };
}

await send(await measure());
process.disconnect?.();
process.exit();
