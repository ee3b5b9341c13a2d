import { type FullStore, MAX_DELAY_MS, type StoreOptions, warnOncePerCode } from "@scs/core";
import { assertFunction, assertKnownOptions, assertOneOf, assertWholeNumber, StoreBase } from "@scs/core/kit";
import type { MigrationStage } from "./migration-stage.js";
import { TwoStores } from "./two-stores.js";

/** The capabilities that both stores need. Every store of this project has them. */
export type MovableStore = FullStore;

/** Options of `migrating`. */
export interface MigratingOptions extends StoreOptions {
  /** How this process handles records of the old store. @default "move" */
  stage?: MigrationStage;
  /** Interval of cleanups of both stores; 0 if they clean up themselves. @default 0 */
  cleanupIntervalMs?: number;
  /** Time limit of a call in ms, from the moment it was made; 1 to 2^31 - 1. @default 10_000 */
  timeoutMs?: number;
}

const OPTIONS = ["stage", "cleanupIntervalMs", "timeoutMs", "onError", "now"];
/** Maximum number of records moved concurrently. */
const WINDOW = 64;

/** Keeps sessions in a new store, and moves the sessions of an old store there. The app disposes of both stores. */
export class MigratingStore extends StoreBase {
  readonly #stores: TwoStores;

  /** @throws TypeError or RangeError if a store lacks a method, or an option is unknown or out of range. */
  constructor(from: MovableStore, to: MovableStore, options: MigratingOptions = {}) {
    assertKnownOptions("migratingstore", options, OPTIONS);
    const { stage = "move", cleanupIntervalMs = 0, timeoutMs = 10_000 } = options;
    const { onError = warnOncePerCode(), now = () => Date.now() } = options;
    for (const [name, store] of Object.entries({ from, to })) assertMovable(name, store);
    if (from === to) throw new TypeError("migratingstore: from and to must be two stores");
    assertOneOf("stage", stage, ["prepare", "move", "finish"]);
    assertWholeNumber("timeoutMs", timeoutMs, { min: 1 });
    assertFunction("now", now);
    const stores = new TwoStores({ from, to, stage, now });
    super(stores, {
      ...{ name: "migratingstore", cleanupIntervalMs, timeoutMs, onError },
      hasClock: false, // each store uses its own
      stepTimeoutMs: MAX_DELAY_MS, // each store limits its own steps
    });
    this.#stores = stores;
  }

  /**
   * Moves all remaining records of the old store, with bounded memory. May be called again, and by several processes.
   *
   * @returns The number of records that were in the old store. Repeat it until 0: a record that a process was moving when
   *   it died can be moved after a minute.
   */
  async moveAll(): Promise<number> {
    let moved = 0;
    const running = new Set<Promise<void>>();
    for await (const token of this.#stores.remaining()) {
      const move = this.#stores.moveOne(token).then((isMoved) => {
        running.delete(move);
        if (isMoved) moved++;
      });
      running.add(move);
      if (running.size >= WINDOW) await Promise.race(running);
    }
    await Promise.all(running);
    return moved;
  }
}

/**
 * Combines two stores: reads look in `to`, then in `from`, and move a record found there, once, by compare-and-swap. At
 * any time a record is in exactly one of the stores, whatever calls meet, and a deletion removes it from both.
 *
 *     const store = migrating(new FileStore("sessions"), new PgStore(pool));
 */
export function migrating(
  from: MovableStore,
  to: MovableStore,
  options: MigratingOptions = {},
): MigratingStore {
  return new MigratingStore(from, to, options);
}

const METHODS = ["find", "commit", "delete", "replace", "touch", "entries", "deleteExpired"] as const;

function assertMovable(name: string, store: Partial<MovableStore> | undefined): void {
  for (const method of METHODS) {
    if (typeof store?.[method] !== "function") {
      throw new TypeError(`migratingstore: ${name} must be a store with ${method}()`);
    }
  }
}
