import { type FullStore, MAX_DELAY_MS, type StoreOptions, warnOncePerCode } from "@scs/core";
import { assertFunction, assertKnownOptions, assertOneOf, assertWholeNumber, StoreBase } from "@scs/core/kit";
import type { MigrationStage } from "./migration-stage.js";
import { TwoStores } from "./two-stores.js";

/** What both stores must be able to do: every store of this project is one. */
export type MovableStore = FullStore;

/** Options of `migrating`. */
export interface MigratingOptions extends StoreOptions {
  /** What this process does with records of the old store. @default "move" */
  stage?: MigrationStage;
  /** How often both stores are cleaned up; 0: they clean up themselves. @default 0 */
  cleanupIntervalMs?: number;
  /** How long a call may take, from the moment it was made, from 1 to 2^31 - 1. @default 10_000 */
  timeoutMs?: number;
}

const OPTIONS = ["stage", "cleanupIntervalMs", "timeoutMs", "onError", "now"];
/** Number of records that are moved at once. */
const WINDOW = 64;

/** Keeps sessions in a new store, and takes along those of an old one. Both stay the app's: it disposes of them. */
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
      hasClock: false, // each store goes by its own
      stepTimeoutMs: MAX_DELAY_MS, // each store bounds its own steps
    });
    this.#stores = stores;
  }

  /**
   * Moves all that is left in the old store, with bounded memory. May be called again, and by several processes.
   *
   * @returns how many records it moved.
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
 * Makes a store over two: reads find in `to`, then in `from`, and take along what they find there, once, by
 * compare-and-swap. A record is in one of the two at any time, whatever meets, and whoever ends it ends it for both.
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
