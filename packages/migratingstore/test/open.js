import { MemStore } from "@scs/memstore";
import { migrating } from "@scs/migratingstore";

const pairs = new WeakMap(); // the two stores under each

/** Opens a store over two that are empty, at a stage of the migration. */
export const openAt = (stage) => (options) => {
  const { cleanupIntervalMs, ...others } = options;
  const pair = [
    new MemStore({ ...others, cleanupIntervalMs: 0 }),
    new MemStore({ ...others, cleanupIntervalMs: 0 }),
  ];
  const [from, to] = pair;
  const store = migrating(from, to, { ...options, stage });
  pairs.set(store, pair);
  return store;
};

/** Opens another process's store over the same two, at a stage of its own. */
export const anotherAt = (stage) => (store, options) => {
  const [from, to] = pairs.get(store);
  const other = migrating(from, to, { ...options, stage });
  pairs.set(other, [from, to]);
  return other;
};

export const open = openAt("move");
