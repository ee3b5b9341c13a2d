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
import { CallsInFlight } from "./calls-in-flight.js";

type AnyStore = Store & Partial<AtomicStore & TouchableStore & IterableStore & ExpiringStore>;

/**
 * Wraps the store of a manager so that each call ends within `timeoutMs`: a store that never answers must not block a
 * request for ever.
 */
export class BoundedStore implements Store {
  /** Compare-and-swap. Like the other capabilities, `undefined` if the store lacks it. */
  readonly replace: AtomicStore["replace"] | undefined;
  readonly touch: TouchableStore["touch"] | undefined;
  readonly deleteExpired: ExpiringStore["deleteExpired"] | undefined;
  readonly #store: AnyStore;
  readonly #inFlight: CallsInFlight;

  constructor(store: AnyStore, timeoutMs: number) {
    this.#store = store;
    this.#inFlight = new CallsInFlight(timeoutMs, () => {
      return new SessionError("STORE_TIMEOUT", `the session store did not answer within ${timeoutMs} ms`);
    });
    if (has(store.replace)) {
      this.replace = (token, previous, data, expiry) => {
        return this.#bound(() => (store as AtomicStore).replace(token, previous, data, expiry));
      };
    }
    if (has(store.touch)) {
      this.touch = (token, expiry) => this.#bound(() => (store as TouchableStore).touch(token, expiry));
    }
    // A cleanup has no timeout: its duration depends on the number of expired records.
    if (has(store.deleteExpired)) {
      this.deleteExpired = async () => (store as unknown as ExpiringStore).deleteExpired();
    }
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
   * Lists the records. Each entry must arrive within the timeout; processing it may take any time.
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
      if (isAnswering) await entries.return?.(); // an iterator that hangs would not end either
    }
  }

  #bound<R>(call: () => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      let answer: Promise<R>;
      try {
        answer = call();
        if (!(answer instanceof Promise)) answer = Promise.resolve(answer); // a careless store may return no promise
      } catch (error) {
        reject(failureOf(error)); // the store threw instead of rejecting
        return;
      }
      const entry = this.#inFlight.add(reject);
      answer.then(
        (result) => {
          this.#inFlight.remove(entry);
          resolve(result);
        },
        (error: unknown) => {
          this.#inFlight.remove(entry);
          reject(failureOf(error));
        },
      );
    });
  }
}

function failureOf(error: unknown): Error {
  return errorOf(error, "the session store failed");
}

function has(method: unknown): boolean {
  return typeof method === "function";
}
