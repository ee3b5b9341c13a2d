import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { type FullStore, TimeSlice } from "@scs/core";
import { collectGarbage, request, send } from "./child.js";
import { bytesOf, flush, makeDirectory } from "./directory.js";
import { drive } from "./drive.js";
import { measureEventLoopDelay } from "./event-loop-delay.js";
import type { GrowthFigures } from "./growth.js";
import { shuffled, Tokens } from "./sessions.js";
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

const SOON_MS = 1_000;
const LATER_MS = 3_600_000;
const IDLE_MS = 400;
const SETTLE_MS = 500;
/** How many sessions are read back, one in so many. */
const SAMPLED = 97;
/** A store that flushes takes many at a time; one of memory takes one, to show how long that can be. */
const FILLING = { durable: 256, memory: 1 };
/** How often it is looked whether a snapshot is there. */
const LOOK_MS = 5;
const CALLS = { count: 20_000, inFlight: 64, ms: 1_000, every: 16 };

const { store: name, sessions, size, run, url } = request<GrowthRequest>();
const kind = findStore(name);
const tokens = new Tokens(sessions, 1);
const start = Date.now();
let now = start;

/** Of two sessions in a row, the second expires soon. */
const expiresSoon = (index: number) => index % 2 === 1;
const expiryOf = (index: number) => new Date(start + (expiresSoon(index) ? SOON_MS : LATER_MS));

/** Heap and what lies beside it; `external` has the array buffers in it already. */
function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Makes bytes of every value, which differ from session to session. */
function createData(index: number): Uint8Array {
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = (index >>> (i % 24)) + i;
  return data;
}

/** Commits the sessions, keeping neither token nor data, and gives the longest commit, in ms. */
async function fill(store: FullStore): Promise<number> {
  const inFlight = kind.isDurable || url !== undefined ? FILLING.durable : FILLING.memory;
  let longest = 0;
  const how = { count: sessions, inFlight, ms: Number.POSITIVE_INFINITY, every: 2 ** 30 };
  await drive("promise", how, async (index) => {
    const began = performance.now();
    await store.commit(tokens.at(index), createData(index), expiryOf(index));
    longest = Math.max(longest, performance.now() - began);
  });
  return longest;
}

/** Calls for sessions at random, all of which are live, and gives how many calls that is a second. */
async function rate(call: (index: number) => Promise<unknown>): Promise<number> {
  const order = shuffled(sessions, 2);
  const at = (index: number) => order[index % sessions] as number;
  const { calls, elapsedMs } = await drive("promise", CALLS, (index) => call(at(index)));
  return (calls / elapsedMs) * 1000;
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
    await store.commit(tokens.at(0), createData(0), expiryOf(0));
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

/** A wrong answer makes the time that it took worthless. */
async function verify(store: FullStore): Promise<void> {
  for (let index = 0; index < sessions; index += SAMPLED) {
    const found = await store.find(tokens.at(index));
    const isWrong = expiresSoon(index)
      ? found !== undefined
      : found === undefined || Buffer.compare(found.data, createData(index)) !== 0;
    if (isWrong) throw new Error("a session was not read back as it should be");
  }
}

function assertCount(what: string, count: number, expected: number): void {
  if (count !== expected) throw new Error(`${what}: ${count} sessions, expected ${expected}`);
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
    figures.diskBytesPerSession = (await bytesOf(directory)) / sessions;
    before = usedBytes();
    const began = performance.now();
    store = await kind.open(environment, options);
    figures.openingMs = performance.now() - began;
  }
  if (url === undefined) figures.bytesPerSession = (usedBytes() - before) / sessions;
  const findsPerSecond = await rate(async (index) => {
    if ((await store.find(tokens.at(index))) === undefined) throw new Error("a session was not found");
  });
  const updatesPerSecond = await rate((index) =>
    store.commit(tokens.at(index), createData(index), expiryOf(index)),
  );
  await settle();
  delays.idle = await measureEventLoopDelay(idle);
  let walked = 0;
  delays.entries = await measureEventLoopDelay(async () => {
    for await (const { data } of store.entries()) if (data.length === size) walked++;
  });
  assertCount("entries", walked, sessions);
  await settle();
  now += SOON_MS;
  let removed = 0;
  delays.deleteExpired = await measureEventLoopDelay(async () => {
    removed = await store.deleteExpired();
  });
  assertCount("deleteExpired", removed, Math.floor(sessions / 2));
  await verify(store);
  await store[Symbol.asyncDispose]();
  return { ...figures, longestCommitMs, findsPerSecond, updatesPerSecond, delays };
}

await send(await measure());
process.disconnect?.();
process.exit();
