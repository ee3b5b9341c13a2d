import { report, type StoreError } from "@scs/core";
import { toStoreError } from "./driver-error.js";
import type { PgPool } from "./pool.js";

/** The stores to notify of a pool's errors. Weak, so that a dropped store and its `onError` can be collected. */
interface Hearing {
  readonly listeners: Set<WeakRef<IdleErrors>>;
  readonly hear: (error: Error) => void;
}

/** One listener for all stores on a pool: Node.js warns about more than ten. */
const hearings: WeakMap<PgPool, Hearing> = new WeakMap();

/**
 * Listens for errors of the pool's idle connections, which a restart of the server ends. Without a listener, each error
 * would end the process.
 */
export class IdleErrors {
  readonly #pool: PgPool;
  readonly #onError: (error: StoreError) => void;
  readonly #self: WeakRef<IdleErrors>;

  constructor(pool: PgPool, onError: (error: StoreError) => void) {
    this.#pool = pool;
    this.#onError = onError;
    this.#self = new WeakRef(this);
  }

  start(): void {
    hearingOf(this.#pool).listeners.add(this.#self);
  }

  tell(error: Error): void {
    report(this.#onError, toStoreError(error, ""));
  }

  stop(): void {
    const hearing = hearings.get(this.#pool);
    if (hearing?.listeners.delete(this.#self) && hearing.listeners.size === 0) {
      this.#pool.removeListener("error", hearing.hear);
      hearings.delete(this.#pool);
    }
  }
}

function hearingOf(pool: PgPool): Hearing {
  const known = hearings.get(pool);
  if (known !== undefined) return known;
  const listeners: Hearing["listeners"] = new Set();
  const hear = (error: Error): void => {
    for (const listener of listeners) {
      const told = listener.deref();
      if (told === undefined) listeners.delete(listener);
      else told.tell(error);
    }
  };
  pool.on("error", hear);
  const hearing = { listeners, hear };
  hearings.set(pool, hearing);
  return hearing;
}
