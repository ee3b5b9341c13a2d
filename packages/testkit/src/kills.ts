import assert from "node:assert/strict";
import type { StoreError } from "@scs/core";
import { Clock } from "./clock.js";
import { assertThat, bytes } from "./expectations.js";
import { shorten } from "./failure-text.js";
import { StoreInProcess } from "./store-in-process.js";

/** Options of the kill test. */
export interface KillOptions {
  /** The URL of a JavaScript module that exports `connect`: see {@link StoreInProcess}. */
  module: URL | string;
  /** The location of an empty backend. */
  location: unknown;
  /** Number of processes to kill, one after another. */
  kills: number;
  /** Seed of the pseudo-random choices. @default a new one each time, printed on failure */
  seed?: number;
}

/** The result of the kill test. */
export interface KillReport {
  kills: number;
  /** Number of acknowledged writes. */
  acknowledged: number;
  /** Number of writes in flight at the kills. */
  underWay: number;
}

/** The state of a token: data, and expiry in ms since the epoch; or absent. */
type State = { data: Uint8Array; expiry: number } | undefined;

/** The states of a token: at the start of the process, and after each write. */
interface History {
  states: State[];
  /** Index of the last acknowledged state in `states`. */
  acknowledged: number;
}

const TOKENS = 40;
const IN_FLIGHT = 64;
const MAX_ACKNOWLEDGED = 400;
const MAX_BYTES = 6000;
const LIFETIME_MS = 3_600_000;

/**
 * Kills processes with SIGKILL at random moments during writes, opens the backend again, and compares it with the
 * acknowledged writes: none may be lost, nothing unwritten may appear, and a write in flight may only be there together
 * with the earlier ones of its token. At the end, `deleteExpired` must remove every record.
 */
export async function assertSurvivesKills({
  module,
  location,
  kills,
  seed = Math.floor(Math.random() * 2 ** 31),
}: KillOptions): Promise<KillReport> {
  const clock = new Clock();
  const onError = (error: StoreError): void => assert.fail(error);
  const connect = (): Promise<StoreInProcess> =>
    StoreInProcess.open(module, location, { now: clock.now, cleanupIntervalMs: 0, onError });
  const random = randomNumbers(seed);
  const report: KillReport = { kills, acknowledged: 0, underWay: 0 };
  const histories = new Map<string, History>(
    Array.from({ length: TOKENS }, (_, n) => [`token ${n}`, { states: [undefined], acknowledged: 0 }]),
  );
  try {
    for (let kill = 0; kill < kills; kill++) {
      const store = await connect();
      try {
        await writeUntil(random(MAX_ACKNOWLEDGED), { store, clock, histories, random, report });
      } finally {
        await store.kill();
      }
      const reopened = await connect();
      try {
        await compare(reopened, histories);
      } finally {
        await reopened[Symbol.asyncDispose]();
      }
    }
    const store = await connect();
    clock.advance(3 * LIFETIME_MS);
    const left = [...histories.values()].filter(({ states }) => states[0] !== undefined).length;
    assert.equal(await store.deleteExpired(), left, "deleteExpired does not find every record");
    await store[Symbol.asyncDispose]();
  } catch (error) {
    throw new Error(`${shorten(error instanceof Error ? error.message : String(error))}\nseed: ${seed}`, {
      cause: error,
    });
  }
  return report;
}

interface Writing {
  store: StoreInProcess;
  clock: Clock;
  histories: ReadonlyMap<string, History>;
  random: (below: number) => number;
  report: KillReport;
}

/** Writes concurrently. Resolves when `count` writes are acknowledged, while others are in flight. */
function writeUntil(count: number, { store, clock, histories, random, report }: Writing): Promise<void> {
  const tokens = [...histories.keys()];
  let acknowledged = 0;
  let underWay = 0;
  let isOver = false;
  return new Promise((resolve, reject) => {
    const end = (): void => {
      isOver = true;
      report.acknowledged += acknowledged;
      report.underWay += underWay;
      resolve();
    };
    const next = (): void => {
      const token = tokens[random(tokens.length)] as string;
      const history = histories.get(token) as History;
      const { state, written } = write(store, token, history.states.at(-1), random, clock);
      const position = history.states.push(state) - 1;
      underWay++;
      written
        .then(
          (hasWritten) => {
            if (isOver) return;
            assert.notEqual(
              hasWritten,
              false,
              "a write returned false, although its token has only one writer",
            );
            history.acknowledged = position; // includes all earlier writes of the token
            underWay--;
            if (++acknowledged >= count) end();
            else next();
          },
          (error: unknown) => {
            if (!isOver) reject(error);
          },
        )
        .catch(reject);
    };
    for (let lane = 0; lane < IN_FLIGHT; lane++) next();
    if (count === 0) setImmediate(end);
  });
}

/** Makes one write of a kind that can succeed on `before`. Returns the state of the token after it. */
function write(
  store: StoreInProcess,
  token: string,
  before: State,
  random: (below: number) => number,
  clock: Clock,
): { state: State; written: Promise<unknown> } {
  const expiry = clock.in(LIFETIME_MS + random(LIFETIME_MS));
  const data = new Uint8Array(random(MAX_BYTES)).fill(random(256));
  data.set(bytes(`${token} ${random(2 ** 30)}`).subarray(0, data.length));
  const state = { data, expiry: expiry.getTime() };
  const kind = random(8);
  if (kind === 0) return { state: undefined, written: store.delete(token) };
  if (kind === 1 && before !== undefined) {
    return { state: { data: before.data, expiry: state.expiry }, written: store.touch(token, expiry) };
  }
  if (kind < 4) return { state, written: store.replace(token, before?.data, data, expiry) };
  return { state, written: store.commit(token, data, expiry) };
}

/** Reads each token, which must be in a possible state, and begins its next history with that state. */
async function compare(store: StoreInProcess, histories: ReadonlyMap<string, History>): Promise<void> {
  const listed = new Map<string, State>();
  for await (const { token, data, expiry } of store.entries()) {
    assertThat(
      histories.has(token) && !listed.has(token),
      "entries yields a token twice, or one that was never written",
    );
    listed.set(token, { data, expiry: expiry.getTime() });
  }
  for (const [token, history] of histories) {
    const record = await store.find(token);
    const found = record && { data: record.data, expiry: record.expiry.getTime() };
    assertThat(isSame(found, listed.get(token)), "find and entries do not agree");
    const possible = history.states.slice(history.acknowledged);
    assertThat(
      possible.some((state) => isSame(state, found)),
      `after ${history.acknowledged} acknowledged of ${history.states.length - 1} writes, a token holds ${tell(found)}; ` +
        `possible: ${possible.map(tell).join(", ")}`,
    );
    history.states = [found];
    history.acknowledged = 0;
  }
}

function isSame(a: State, b: State): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.expiry === b.expiry && Buffer.compare(a.data, b.data) === 0;
}

const tell = (state: State): string =>
  state === undefined ? "nothing" : `${state.data.length} bytes until ${state.expiry}`;

/** Creates a pseudo-random generator (mulberry32) of whole numbers. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}
