import { open, type RootDatabase } from "lmdb";
import { assertOptions, BoltStore, type BoltStoreOptions } from "./boltstore.js";
import { prepareDataFile } from "./lmdb/data-file.js";
import { toStoreError } from "./lmdb/lmdb-error.js";
import { own } from "./lmdb/ownership.js";

/** An option of the driver's that its declarations lack: the mode of the files that LMDB makes, here the lock file. */
const OWNER_ONLY = { permissionsMode: 0o600 };

/**
 * Opens the LMDB database in the file at `path`, which is made if there is none, readable by its owner only, and
 * returns a store that closes it when it is disposed of. Beside it, LMDB keeps `path` + "-lock".
 *
 * Disposal rejects with `UNAVAILABLE` if another process keeps the write lock for `busyTimeoutMs`; the database is
 * closed when it lets go, and disposal may be called again to wait for that.
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
