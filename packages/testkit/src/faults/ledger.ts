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

/** A possible state of a token. There are several after a rejected write, which may have had its effect. */
export type State = { data: Uint8Array; expiry: number } | undefined;

/** A write with its expected answer and the following state, for a given state. */
export interface Write {
  what: string;
  token: string;
  call: () => Promise<unknown>;
  effect: (before: State) => { answer: unknown; after: State };
}

export type AnyStore = Store &
  Partial<AtomicStore & TouchableStore & ExpiringStore & IterableStore & AsyncDisposable>;

const HOUR_MS = 3_600_000;

/** Tracks the possible states of each token, given the answers so far. */
export class Ledger {
  readonly clock: Clock;
  /** Number of calls that were rejected. */
  rejected = 0;
  readonly #states: Map<string, State[]> = new Map();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Makes the writes concurrently, in this order, and records the answers. */
  async write(...writes: readonly Write[]): Promise<void> {
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
        `${what} returns ${outcome.value} for a token that holds ${this.#tell(token)}`,
      );
      if (outcome.value === false) continue; // an earlier rejected write may still take effect
      this.#states.set(
        token,
        after.map((next) => next.after),
      );
    }
  }

  /** Records a rejection, which must be an error of the backend. */
  rejects(error: unknown, what: string): void {
    this.rejected++;
    const { name, code, message } = error as { name?: string; code?: string; message?: string };
    const isRight = name === "StoreError" && code !== "INVALID_ARGUMENT" && code !== "CLOSED";
    assertThat(
      isRight,
      `${what} rejects with ${name} ${code ?? ""} instead of a StoreError UNAVAILABLE: ${message}`,
    );
  }

  /** Reads a token, which must be in one of its possible states. */
  async read(store: Store, token: string): Promise<void> {
    let found: SessionRecord | undefined;
    try {
      found = await store.find(token);
    } catch (error) {
      this.rejects(error, "find");
      return;
    }
    this.#expect(token, found, "find returns");
  }

  /** Compares all tokens with a store opened after the crash, and checks that the store works. */
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
          "entries yields a token twice, or one that was never written",
        );
        this.#expect(token, record, "after the crash entries yields");
        seen.add(token);
      }
    }
    const expiry = this.clock.in(HOUR_MS);
    await store.commit("after all", bytes("it still works"), expiry);
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
