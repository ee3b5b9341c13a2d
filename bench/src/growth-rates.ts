import type { FullStore } from "@scs/core";
import { drive } from "./drive.js";
import type { GrowingOperation } from "./growth.js";
import { MIX } from "./operation.js";
import { random, shuffled, Tokens } from "./sessions.js";

const SOON_MS = 1_000;
const LATER_MS = 3_600_000;
const CALLS = { count: 20_000, inFlight: 64, ms: 1_000, every: 16 };
const WARM_UP_MS = 300;
/** How many sessions are read back, one in so many. */
const SAMPLED = 97;

/** The sessions of a store that grows, and what each has. Of two in a row, the second expires soon. */
export class GrowingSessions {
  readonly count: number;
  readonly tokens: Tokens;
  readonly #size: number;
  readonly #start: number;
  /** The order in which they are asked for. */
  readonly #order: Uint32Array;
  readonly #versions: Uint8Array;

  constructor(count: number, size: number, start: number) {
    this.count = count;
    this.tokens = new Tokens(count, 1);
    this.#size = size;
    this.#start = start;
    this.#order = shuffled(count, 2);
    this.#versions = new Uint8Array(count);
  }

  /** When half of them have expired. */
  get soon(): number {
    return this.#start + SOON_MS;
  }

  expiryOf(index: number): Date {
    return new Date(this.#start + (expiresSoon(index) ? SOON_MS : LATER_MS));
  }

  /** Bytes of every value, which differ from session to session, and after an update. */
  data(index: number, version: number = this.#versions[index] as number): Uint8Array {
    const data = new Uint8Array(this.#size);
    for (let i = 0; i < data.length; i++) data[i] = (index >>> (i % 24)) + i + version;
    return data;
  }

  /** What the session is to have from now on. */
  nextData(index: number): Uint8Array {
    this.#versions[index] = (this.#versions[index] as number) ^ 1;
    return this.data(index);
  }

  /** The session of the call of this number. Never the same for two of the calls that are in flight together. */
  asked(call: number): number {
    return this.#order[call % this.count] as number;
  }

  /** Reads back a part of them, when those that expire soon have expired. @throws Error if one is not as it must be */
  async verify(store: FullStore): Promise<void> {
    const asked = Array.from({ length: Math.min(this.count, CALLS.count) }, (_, call) => this.asked(call));
    for (const index of [...sample(this.count), ...asked]) {
      const found = await store.find(this.tokens.at(index));
      const isWrong = expiresSoon(index)
        ? found !== undefined
        : found === undefined || Buffer.compare(found.data, this.data(index)) !== 0;
      if (isWrong) throw new Error("a session was not read back as it should be");
    }
  }
}

function expiresSoon(index: number): boolean {
  return index % 2 === 1;
}

function sample(count: number): number[] {
  return Array.from({ length: Math.ceil(count / SAMPLED) }, (_, position) => position * SAMPLED);
}

/** Calls a second of each operation, on a store that has these sessions, and has them in the end. */
export async function ratesOf(
  store: FullStore,
  sessions: GrowingSessions,
): Promise<Record<GrowingOperation, number>> {
  const { tokens } = sessions;
  const unknown = new Tokens(sessions.count, 3);
  const find = (index: number) => must(store.find(tokens.at(index)), (found) => found !== undefined);
  const replace = (index: number) => {
    const previous = sessions.data(index);
    const next = sessions.nextData(index);
    return must(store.replace(tokens.at(index), previous, next, sessions.expiryOf(index)), Boolean);
  };
  const touch = (index: number) => must(store.touch(tokens.at(index), sessions.expiryOf(index)), Boolean);
  const mix = new Mix(store, sessions, [find, touch, replace]);
  const rate = (call: (index: number) => Promise<unknown>) => rateOf(sessions, call);
  const rates = {
    find: await rate(find),
    miss: await rate((index) => must(store.find(unknown.at(index)), (found) => found === undefined)),
    update: await rate((index) =>
      store.commit(tokens.at(index), sessions.nextData(index), sessions.expiryOf(index)),
    ),
    replace: await rate(replace),
    touch: await rate(touch),
    mix: await rate((index) => mix.call(index)),
  };
  await mix.end();
  return { ...rates, ...(await ratesOfComingAndGoing(store, sessions)) };
}

/** Throws if a call did not give what it must. */
async function must(result: Promise<unknown>, isRight: (result: unknown) => boolean): Promise<void> {
  if (!isRight(await result)) throw new Error("a call gave a wrong answer");
}

/** Warmed up: a curve must not show how the engine compiles. */
async function rateOf(sessions: GrowingSessions, call: (index: number) => Promise<unknown>): Promise<number> {
  const inFlight = Math.min(CALLS.inFlight, sessions.count);
  let next = 0;
  const pass = (ms: number) =>
    drive("promise", { ...CALLS, inFlight, ms }, () => call(sessions.asked(next++)));
  await pass(WARM_UP_MS);
  const { calls, elapsedMs } = await pass(CALLS.ms);
  return (calls / elapsedMs) * 1000;
}

/** What a web application asks for ({@link MIX}): somebody who logs in is logged out by the next call of that kind. */
class Mix {
  readonly #store: FullStore;
  readonly #sessions: GrowingSessions;
  readonly #calls: readonly ((index: number) => Promise<unknown>)[];
  readonly #kinds: Uint8Array;
  readonly #tokens = new Tokens(CALLS.count, 5);
  #count = 0;
  #renewed = 0;

  constructor(
    store: FullStore,
    sessions: GrowingSessions,
    calls: readonly ((index: number) => Promise<unknown>)[],
  ) {
    this.#store = store;
    this.#sessions = sessions;
    this.#calls = calls;
    const cards = [MIX.find, MIX.touch, MIX.replace, MIX.renew].flatMap((of, kind) => Array(of).fill(kind));
    const next = random(6);
    this.#kinds = Uint8Array.from({ length: CALLS.count }, () => cards[next() % cards.length]);
  }

  call(index: number): Promise<unknown> {
    const call = this.#calls[this.#kinds[this.#count++ % this.#kinds.length] as number];
    return call === undefined ? this.#renew() : call(index);
  }

  /** Logs out who is still there. */
  async end(): Promise<void> {
    if (this.#renewed % 2 === 1) await this.#renew();
  }

  #renew(): Promise<unknown> {
    const number = this.#renewed++;
    const token = this.#tokens.at((number >> 1) % CALLS.count);
    if (number % 2 === 1) return this.#store.delete(token);
    return this.#store.commit(token, this.#sessions.data(0), this.#sessions.expiryOf(0));
  }
}

/** Sessions are made and removed by turns, up to half as many as there are, so that the store stays as large as it is. */
async function ratesOfComingAndGoing(
  store: FullStore,
  sessions: GrowingSessions,
): Promise<Record<"insert" | "delete", number>> {
  const most = Math.min(CALLS.count, Math.ceil(sessions.count / 2));
  const tokens = new Tokens(most, 4);
  const expiry = sessions.expiryOf(0);
  const areThere = async (count: number, expected: boolean) => {
    for (const index of sample(count))
      await must(store.find(tokens.at(index)), (found) => (found !== undefined) === expected);
  };
  const turns = async (ms: number) => {
    const sums = { insert: { calls: 0, elapsedMs: 0 }, delete: { calls: 0, elapsedMs: 0 } };
    const pass = async (of: keyof typeof sums, count: number, call: (index: number) => Promise<void>) => {
      const how = { ...CALLS, inFlight: Math.min(CALLS.inFlight, count), count };
      const driven = await drive(
        "promise",
        of === "delete" ? { ...how, ms: Number.POSITIVE_INFINITY } : how,
        call,
      );
      sums[of].calls += driven.calls;
      sums[of].elapsedMs += driven.elapsedMs;
      await areThere(driven.calls, of === "insert");
      return driven.calls;
    };
    while (sums.insert.elapsedMs < ms) {
      const made = await pass("insert", most, (index) =>
        store.commit(tokens.at(index), sessions.data(index), expiry),
      );
      await pass("delete", made, (index) => store.delete(tokens.at(index)));
    }
    return sums;
  };
  await turns(WARM_UP_MS);
  const sums = await turns(CALLS.ms);
  return {
    insert: (sums.insert.calls / sums.insert.elapsedMs) * 1000,
    delete: (sums.delete.calls / sums.delete.elapsedMs) * 1000,
  };
}
