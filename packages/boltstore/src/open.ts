import { open, type RootDatabase } from "lmdb";
import { assertOptions, BoltStore, type BoltStoreOptions } from "./boltstore.js";
import { prepareDataFile } from "./lmdb/data-file.js";
import { toStoreError } from "./lmdb/lmdb-error.js";
import { own } from "./lmdb/ownership.js";

/** Mode of the lock file that LMDB creates. The driver's declarations lack this option. */
const OWNER_ONLY = { permissionsMode: 0o600 };

/**
 * Opens the LMDB database in the file at `path`, and returns a store that closes it on disposal. Creates the file if it is
 * missing, readable by its owner only. LMDB keeps a second file, `path` + "-lock".
 *
 * Disposal rejects with `UNAVAILABLE` if another process keeps the write lock for `busyTimeoutMs`. The database is closed
 * when that process releases the lock; call disposal again to wait for it.
 *
 * @throws RangeError or TypeError if an option is unknown or out of range.
 * @throws StoreError `UNAVAILABLE` if the file cannot be opened, or is no LMDB database.
 */
export async function openBoltStore(path: string, options: BoltStoreOptions = {}): Promise<BoltStore> {
  assertOptions(options);
  let db: RootDatabase;
  try {
    prepareDataFile(path, { isFlushed: options.durability !== "committed" });
    const lmdbOptions = { path, noSubdir: true, noSync: options.durability === "committed", ...OWNER_ONLY };
    db = open(lmdbOptions);
  } catch (cause) {
    throw toStoreError(cause);
  }
  try {
    return new BoltStore(own(db), options);
  } catch (error) {
    await db.close();
    throw error;
  }
}
