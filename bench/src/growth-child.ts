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

const { store: name, sessions, size, run, url } = request<GrowthRequest>();
/** Never two for one session. */
const CALLS = { count: 20_000, inFlight: Math.min(64, sessions), ms: 1_000, every: 16 };
const WARM_UP_MS = 300;
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

/** Makes bytes of every value, which differ from session to session, and after an update. */
function createData(index: number, version = 0): Uint8Array {
  const data = new Uint8Array(size);
  for (let i = 0; i < size; i++) data[i] = (index >>> (i % 24)) + i + version;
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

/** Sessions in random order; which version of its data each has. */
const order = shuffled(sessions, 2);
const versions = new Uint8Array(sessions);

/**
 * Calls for sessions at random, all of which are live, and gives how many calls that is a second. Warmed up: a curve
 * must not show how the engine compiles.
 */
async function rate(call: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const pass = (ms: number) =>
    drive("promise", { ...CALLS, ms }, () => call(order[next++ % sessions] as number));
  await pass(WARM_UP_MS);
  const { calls, elapsedMs } = await pass(CALLS.ms);
  return (calls / elapsedMs) * 1000;
}

/** Throws if a call did not give what it must. */
async function must(result: Promise<unknown>, isRight: (result: unknown) => boolean): Promise<void> {
  if (!isRight(await result)) throw new Error("a call gave a wrong answer");
}

/** Calls a second of each operation. */
async function ratesOf(store: FullStore): Promise<GrowthFigures["perSecond"]> {
  const unknown = new Tokens(sessions, 3);
  const next = (index: number) => {
    const version = (versions[index] as number) ^ 1;
    versions[index] = version;
    return createData(index, version);
  };
  return {
    find: await rate((index) => must(store.find(tokens.at(index)), (found) => found !== undefined)),
    miss: await rate((index) => must(store.find(unknown.at(index)), (found) => found === undefined)),
    update: await rate((index) => store.commit(tokens.at(index), next(index), expiryOf(index))),
    replace: await rate((index) => {
      const previous = createData(index, versions[index]);
      return must(store.replace(tokens.at(index), previous, next(index), expiryOf(index)), Boolean);
    }),
    touch: await rate((index) => must(store.touch(tokens.at(index), expiryOf(index)), Boolean)),
  };
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

/** One session in so many. */
const everyOne = (step: number) =>
  Array.from({ length: Math.ceil(sessions / step) }, (_, position) => position * step);

/** A wrong answer makes the time that it took worthless. */
async function verify(store: FullStore): Promise<void> {
  const first = Array.from({ length: Math.min(sessions, CALLS.count) }, (_, position) => order[position]);
  for (const index of [...everyOne(SAMPLED), ...(first as number[])]) {
    const found = await store.find(tokens.at(index));
    const isWrong = expiresSoon(index)
      ? found !== undefined
      : found === undefined || Buffer.compare(found.data, createData(index, versions[index])) !== 0;
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
  const perSecond = await ratesOf(store);
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
  return { ...figures, longestCommitMs, perSecond, delays };
}

await send(await measure());
process.disconnect?.();
process.exit();
