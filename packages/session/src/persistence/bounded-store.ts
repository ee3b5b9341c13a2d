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
const { setTimeout } = globalThis;
const now = performance.now.bind(performance);

interface PendingCall {
  reject: (error: Error) => void;
  /** When it has taken too long, in ms of the process's own clock. */
  deadline: number;
}

/**
 * The store of a manager, each of whose calls ends within `timeoutMs`: a store that never answers must hold no
 * request for ever. All calls have the same timeout, so that one timer serves those that are under way.
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

  async find(token: string): Promise<SessionRecord | undefined> {
    // Many a store, written for other managers, gives null.
    return (await this.#bound(() => this.#store.find(token))) ?? undefined;
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    return this.#bound(() => this.#store.commit(token, data, expiry));
  }

  async delete(token: string): Promise<void> {
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
      const answer = attempt(call);
      const pending: PendingCall = { reject, deadline: now() + this.#timeoutMs };
      this.#add(pending);
      Promise.resolve(answer).then(
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
    this.#pending.add(pending);
    if (this.#timer === undefined) this.#timer = setTimeout(() => this.#onTimer(), this.#timeoutMs);
    else if (this.#pending.size === 1) this.#timer.ref?.();
  }

  #remove(pending: PendingCall): void {
    this.#pending.delete(pending);
    if (this.#pending.size === 0) this.#timer?.unref?.(); // must not hold the process open
  }

  #onTimer(): void {
    this.#timer = undefined;
    for (const pending of this.#pending) {
      const remainingMs = pending.deadline - now();
      if (remainingMs > 0) {
        this.#timer = setTimeout(() => this.#onTimer(), Math.ceil(remainingMs));
        return;
      }
      this.#pending.delete(pending);
      pending.reject(
        new SessionError("STORE_TIMEOUT", `the session store has not answered within ${this.#timeoutMs} ms`),
      );
    }
  }
}

function has(method: unknown): boolean {
  return typeof method === "function";
}

/** A store may fail before it has a promise to fail with. */
function attempt<R>(call: () => Promise<R> | undefined): Promise<R> {
  try {
    return call() as Promise<R>;
  } catch (error) {
    return Promise.reject(error);
  }
}
