/** The databases that `openBoltStore` has opened, which their stores close. */
const owned = new WeakSet<object>();

/** Marks a database as owned by its store. */
export function own<T extends object>(db: T): T {
  owned.add(db);
  return db;
}

export const isOwned = (db: object): boolean => owned.has(db);
