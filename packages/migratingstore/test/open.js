import { MemStore } from "@scs/memstore";
import { migrating } from "@scs/migratingstore";

/** @typedef {import("@scs/migratingstore").MigratingStore} MigratingStore */
/** @typedef {import("@scs/migratingstore").MigrationStage} MigrationStage */
/** @typedef {import("@scs/testkit").Open<MigratingStore>} Open */

/** @type {WeakMap<MigratingStore, { from: MemStore, to: MemStore }>} The two stores below each. */
const pairs = new WeakMap();

/**
 * Opens a store over two empty ones, at a stage of the migration.
 *
 * @param {MigrationStage} stage
 * @returns {Open}
 */
export const openAt = (stage) => (options) => {
  const [from, to] = [
    new MemStore({ ...options, cleanupIntervalMs: 0 }),
    new MemStore({ ...options, cleanupIntervalMs: 0 }),
  ];
  const store = migrating(from, to, { ...options, stage });
  pairs.set(store, { from, to });
  return store;
};

/**
 * Opens a second store over the same two, at another stage.
 *
 * @param {MigrationStage} stage
 * @returns {(store: MigratingStore, options: Parameters<Open>[0]) => MigratingStore}
 */
export const anotherAt = (stage) => (store, options) => {
  const pair = pairs.get(store);
  if (pair === undefined) throw new Error("not opened here");
  const other = migrating(pair.from, pair.to, { ...options, stage });
  pairs.set(other, pair);
  return other;
};

export const open = openAt("move");
