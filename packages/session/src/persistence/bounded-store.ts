import type {
  AtomicStore,
  ExpiringStore,
  IterableStore,
  SessionEntry,
  SessionRecord,
  Store,
  TouchableStore,
} from "@scs/core";
import { errorOf } from "../error-reporter.js";
import { SessionError } from "../session-error.js";

// Taken at import: a test that puts a clock of its own in their place must not stop requests.
const { setInterval, clearInterval } = globalThis;

interface PendingCall {
  reject: (error: Error) => void;
  /** The tick at which it began. */
  tick: number;
}

/** Ticks per timeout. A call may take up to one tick longer: so that no call reads a clock. */
const TICKS = 8;

/**
 * The store of a manager, each of whose calls ends within `timeoutMs`: a store that never answers must hold no
 * request for ever. All calls have the same timeout, so that one timer serves those that are in flight.
 */
export class BoundedStore implements Store {
  /** Compare-and-swap; absent if the store has none, as the other capabilities. */
  readonly replace: AtomicStore["replace"] | undefined;
  readonly touch: TouchableStore["touch"] | undefined;
  readonly deleteExpired: ExpiringStore["deleteExpired"] | undefined;
  readonly #store: Store & Partial<AtomicStore & TouchableStore & IterableStore & ExpiringStore>;
  readonly #timeoutMs: number;
  readonly #pending: Set<PendingCall> = new Set();
  #timer: NodeJS.Timeout | undefined;
  #tick = 0;

  constructor(store: Store, timeoutMs: number) {
    const all: Store & Partial<AtomicStore & TouchableStore & IterableStore & ExpiringStore> = store;
    this.#store = all;
    this.#timeoutMs = timeoutMs;
    this.replace = has(all.replace)
      ? (token, previous, data, expiry) => this.#bound(() => all.replace?.(token, previous, data, expiry))
      : undefined;
    this.touch = has(all.touch)
      ? (token, expiry) => this.#bound(() => all.touch?.(token, expiry))
      : undefined;
    // A cleanup takes as long as there is to remove.
    this.deleteExpired = has(all.deleteExpired) ? async () => (await all.deleteExpired?.()) ?? 0 : undefined;
  }

  find(token: string): Promise<SessionRecord | undefined> {
    return this.#bound(() => this.#store.find(token));
  }

  commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    return this.#bound(() => this.#store.commit(token, data, expiry));
  }

  delete(token: string): Promise<void> {
    return this.#bound(() => this.#store.delete(token));
  }

  /**
   * Each entry must come within the timeout; what is done with it may take as long as it likes.
   *
   * @throws TypeError if the store cannot list its records.
   */
  async *entries(): AsyncGenerator<SessionEntry> {
    const entries = this.#store.entries?.()[Symbol.asyncIterator]();
    if (entries === undefined) throw new TypeError("this needs a store with entries()");
    let isAnswering = true;
    try {
      for (;;) {
        isAnswering = false;
        const { done, value } = await this.#bound(() => entries.next());
        isAnswering = true;
        if (done) return;
        yield value;
      }
    } finally {
      if (isAnswering) await entries.return?.(); // one that hangs would not end either
    }
  }

  #bound<R>(call: () => Promise<R> | undefined): Promise<R> {
    return new Promise((resolve, reject) => {
      const pending: PendingCall = { reject, tick: this.#tick };
      this.#add(pending);
      attempt(call).then(
        (result) => {
          this.#remove(pending);
          resolve(result);
        },
        (error: unknown) => {
          this.#remove(pending);
          reject(errorOf(error, "the session store failed"));
        },
      );
    });
  }

  #add(pending: PendingCall): void {
    if (this.#timer === undefined) this.#timer = setInterval(() => this.#onTick(), this.#timeoutMs / TICKS);
    else if (this.#pending.size === 0) this.#timer.ref?.();
    this.#pending.add(pending);
  }

  #remove(pending: PendingCall): void {
    this.#pending.delete(pending);
    if (this.#pending.size === 0) this.#timer?.unref?.(); // must not hold the process open
  }

  #onTick(): void {
    this.#tick++;
    for (const pending of this.#pending) {
      if (this.#tick - pending.tick <= TICKS) break; // those that follow began later
      this.#pending.delete(pending);
      pending.reject(
        new SessionError("STORE_TIMEOUT", `the session store has not answered within ${this.#timeoutMs} ms`),
      );
    }
    if (this.#pending.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

function has(method: unknown): boolean {
  return typeof method === "function";
}

/** A store may fail before it has a promise to fail with. */
function attempt<R>(call: () => Promise<R> | undefined): Promise<R> {
  try {
    const answer = call();
    return answer instanceof Promise ? answer : Promise.resolve(answer as R);
  } catch (error) {
    return Promise.reject(error);
  }
}
