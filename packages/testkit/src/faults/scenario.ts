import assert from "node:assert/strict";
import type {
  AtomicStore,
  ExpiringStore,
  IterableStore,
  SessionRecord,
  Store,
  TouchableStore,
} from "@scs/core";
import type { Clock } from "../clock.js";
import { assertThat, bytes } from "../expectations.js";
import { showBytes } from "../failure-text.js";

/** What a token may hold; more than one state after a write that was rejected: it may have had its effect. */
type State = { data: Uint8Array; expiry: number } | undefined;

/** What a write does to a state: the answer that is due, and the state after it. */
type Effect = (before: State) => { answer: unknown; after: State };

type AnyStore = Store &
  Partial<AtomicStore & TouchableStore & ExpiringStore & IterableStore & AsyncDisposable>;

const HOUR_MS = 3_600_000;

/** Keeps account of what each token may hold, by what was answered. */
export class Ledger {
  readonly clock: Clock;
  /** How many calls were rejected. */
  rejected = 0;
  readonly #states: Map<string, State[]> = new Map();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Makes the writes at once, in this order, and takes their answers down. */
  async write(
    ...writes: readonly { what: string; token: string; call: () => Promise<unknown>; effect: Effect }[]
  ): Promise<void> {
    const outcomes = await Promise.allSettled(writes.map(({ call }) => call()));
    for (const [index, { what, token, effect }] of writes.entries()) {
      const outcome = outcomes[index] as PromiseSettledResult<unknown>;
      const before = this.#of(token);
      if (outcome.status === "rejected") {
        this.rejects(outcome.reason, what);
        this.#states.set(token, [...before, ...before.map((state) => effect(state).after)]);
        continue;
      }
      const after = before.map(effect).filter(({ answer }) => answer === outcome.value);
      assertThat(
        after.length > 0,
        `${what} answers ${outcome.value} of a token that holds ${this.#tell(token)}`,
      );
      if (outcome.value === false) continue; // a write that was rejected before may take effect even now
      this.#states.set(
        token,
        after.map((next) => next.after),
      );
    }
  }

  /** Takes a rejection down, which has to say what went wrong with the backend. */
  rejects(error: unknown, what: string): void {
    this.rejected++;
    const { name, code, message } = error as { name?: string; code?: string; message?: string };
    const isRight = name === "StoreError" && code !== "INVALID_ARGUMENT" && code !== "CLOSED";
    assertThat(
      isRight,
      `${what} rejects with ${name} ${code ?? ""} instead of a StoreError UNAVAILABLE: ${message}`,
    );
  }

  /** Reads a token, which has to hold one of what it may. */
  async read(store: Store, token: string): Promise<void> {
    let found: SessionRecord | undefined;
    try {
      found = await store.find(token);
    } catch (error) {
      this.rejects(error, "find");
      return;
    }
    this.#expect(token, found, "find gives");
  }

  /** Compares all with a store on the backend after its crash, which must work on. */
  async compare(store: AnyStore): Promise<void> {
    for (const token of this.#states.keys()) {
      const found = await store.find(token).catch((error: Error) => {
        assert.fail(`after the crash find rejects: ${error.message}`);
      });
      this.#expect(token, found, "after the crash a token holds");
    }
    if (store.entries) {
      const seen = new Set<string>();
      for await (const { token, ...record } of store.entries()) {
        assertThat(
          this.#states.has(token) && !seen.has(token),
          "entries gives a token that was never written, or twice",
        );
        this.#expect(token, record, "after the crash entries gives");
        seen.add(token);
      }
    }
    const expiry = this.clock.in(HOUR_MS);
    await store.commit("after all", bytes("it works on"), expiry);
    assert.deepEqual(
      (await store.find("after all"))?.expiry,
      expiry,
      "a commit after the crash is not found",
    );
  }

  #of(token: string): State[] {
    return this.#states.get(token) ?? [undefined];
  }

  #expect(token: string, record: SessionRecord | undefined, what: string): void {
    const found = record && { data: record.data, expiry: record.expiry.getTime() };
    const isPossible = this.#of(token).some((state) => isSame(this.#live(state), found));
    assertThat(isPossible, `${what} ${tell(found)}; by the answers: ${this.#tell(token)}`);
  }

  #live(state: State): State {
    return state && state.expiry > this.clock.now() ? state : undefined;
  }

  #tell(token: string): string {
    return [...new Set(this.#of(token).map((state) => tell(this.#live(state))))].join(", or ");
  }
}

function isSame(a: State, b: State): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.expiry === b.expiry && Buffer.compare(a.data, b.data) === 0;
}

const tell = (state: State): string =>
  state === undefined ? "nothing" : `${showBytes(state.data)} until ${state.expiry}`;

/** The writes of a store, each with its effect. */
function writesOf(store: AnyStore, clock: Clock) {
  const live = (state: State): State => (state && state.expiry > clock.now() ? state : undefined);
  return {
    commit: (token: string, text: string, expiry: Date = clock.in(HOUR_MS)) => ({
      what: "commit",
      token,
      call: () => store.commit(token, bytes(text), expiry),
      effect: () => ({ answer: undefined, after: { data: bytes(text), expiry: expiry.getTime() } }),
    }),
    delete: (token: string) => ({
      what: "delete",
      token,
      call: () => store.delete(token),
      effect: () => ({ answer: undefined, after: undefined }),
    }),
    replace: (token: string, previous: string | undefined, text: string) => {
      const [old, data, expiry] = [
        previous === undefined ? undefined : bytes(previous),
        bytes(text),
        clock.in(HOUR_MS),
      ];
      const effect: Effect = (before) => {
        const now = live(before)?.data;
        const isEqual = now && old ? Buffer.compare(now, old) === 0 : now === old;
        return isEqual
          ? { answer: true, after: { data, expiry: expiry.getTime() } }
          : { answer: false, after: before };
      };
      return { what: "replace", token, call: async () => store.replace?.(token, old, data, expiry), effect };
    },
    touch: (token: string, expiry: Date) => {
      const effect: Effect = (before) => {
        const now = live(before);
        return now
          ? { answer: true, after: { data: now.data, expiry: expiry.getTime() } }
          : { answer: false, after: before };
      };
      return { what: "touch", token, call: async () => store.touch?.(token, expiry), effect };
    },
  };
}

const KEPT = ["kept", "overwritten", "replaced", "touched", "deleted", "ended", "both"];

/** Writes what is there before anything fails. */
export async function prepare(store: AnyStore, ledger: Ledger): Promise<void> {
  const { commit } = writesOf(store, ledger.clock);
  await ledger.write(
    ...KEPT.map((token) =>
      commit(token, `old ${token}`, ledger.clock.in(token === "ended" ? 1000 : HOUR_MS)),
    ),
  );
}

/** Opens a store and uses it in each way that it has, alone and several calls at once. */
export async function useStore(
  open: () => Promise<AnyStore>,
  close: () => Promise<void>,
  ledger: Ledger,
): Promise<void> {
  const { clock } = ledger;
  let store: AnyStore;
  try {
    store = await open();
  } catch (error) {
    ledger.rejects(error, "opening");
    return;
  }
  const { commit, delete: remove, replace, touch } = writesOf(store, clock);
  const long = "long ".repeat(2000);
  await ledger.write(commit("new", "first"));
  await ledger.write(commit("overwritten", long));
  await ledger.write(commit("new", "second"));
  await ledger.write(remove("deleted"));
  if (store.replace) {
    await ledger.write(replace("replaced", "old replaced", "replaced"));
    await ledger.write(replace("kept", "something else", "never"));
    await ledger.write(replace("inserted", undefined, "inserted"));
  }
  if (store.touch) await ledger.write(touch("touched", clock.in(2 * HOUR_MS)));
  for (const token of [...KEPT, "new", "inserted"]) await ledger.read(store, token);
  await ledger.write(
    commit("both", "one"),
    commit("at once", "one"),
    ...(store.replace ? [replace("both", "one", "two")] : []),
    remove("overwritten"),
    ...(store.touch ? [touch("new", clock.in(3 * HOUR_MS))] : []),
    commit("at once too", "two"),
    commit("both", "three"),
  );
  clock.advance(1000);
  if (store.deleteExpired)
    await store.deleteExpired().catch((error) => ledger.rejects(error, "deleteExpired"));
  for (const token of [...KEPT, "at once", "at once too"]) await ledger.read(store, token);
  await close().catch((error) => ledger.rejects(error, "disposal"));
}
