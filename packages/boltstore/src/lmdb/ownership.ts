/** The databases that `openBoltStore` opened: their store closes them. */
const owned = new WeakSet<object>();

/** Makes a database its store's own. */
export function own<T extends object>(db: T): T {
  owned.add(db);
  return db;
}

export const isOwned = (db: object): boolean => owned.has(db);
