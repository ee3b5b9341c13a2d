import { open, type RootDatabase } from "lmdb";
import { BoltStore, type BoltStoreOptions } from "./boltstore.js";
import { prepareDataFile } from "./data-file.js";
import { toStoreError } from "./lmdb-error.js";

/** An option of the driver's that its declarations lack: the mode of the files that LMDB makes, here the lock file. */
const OWNER_ONLY = { permissionsMode: 0o600 };

/** A store that closes the database which was opened for it. */
class OwningBoltStore extends BoltStore {
  readonly #db: RootDatabase;
  #closing: Promise<void> | undefined;

  constructor(db: RootDatabase, options: BoltStoreOptions) {
    super(db, options);
    this.#db = db;
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#closing ??= this.#db.close();
    await this.#closing;
  }
}

/**
 * Opens the LMDB database in the file at `path`, which is made if there is none, readable by its owner only, and
 * gives a store that closes it when it is disposed of. Beside it, LMDB keeps `path` + "-lock".
 *
 * @throws StoreError `UNAVAILABLE` if the file cannot be opened, or is no LMDB database.
 */
export async function openBoltStore(path: string, options: BoltStoreOptions = {}): Promise<BoltStore> {
  let db: RootDatabase;
  try {
    prepareDataFile(path);
    const lmdbOptions = { path, noSubdir: true, noSync: options.durability === "committed", ...OWNER_ONLY };
    db = open(lmdbOptions);
  } catch (cause) {
    throw toStoreError(cause);
  }
  try {
    return new OwningBoltStore(db, options);
  } catch (error) {
    await db.close();
    throw error;
  }
}
