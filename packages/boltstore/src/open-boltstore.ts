import { StoreError } from "@scs/core";
import { open, type RootDatabase } from "lmdb";
import { BoltStore, type BoltStoreOptions, BUSY_TIMEOUT_MS } from "./boltstore.js";
import { prepareDataFile } from "./data-file.js";
import { toStoreError } from "./lmdb-error.js";

/** An option of the driver's that its declarations lack: the mode of the files that LMDB makes, here the lock file. */
const OWNER_ONLY = { permissionsMode: 0o600 };

/** A store that closes the database which was opened for it. */
class OwningBoltStore extends BoltStore {
  readonly #db: RootDatabase;
  readonly #busyTimeoutMs: number;
  #closing: Promise<void> | undefined;

  constructor(db: RootDatabase, options: BoltStoreOptions) {
    super(db, options);
    this.#db = db;
    this.#busyTimeoutMs = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS;
  }

  /**
   * Can be called again, to wait on.
   *
   * @throws StoreError `UNAVAILABLE` if another process keeps the write lock for `busyTimeoutMs`. The database is
   *   closed when it lets go.
   */
  override async [Symbol.asyncDispose](): Promise<void> {
    await super[Symbol.asyncDispose]();
    this.#closing ??= this.#db.close();
    let timer: NodeJS.Timeout | undefined;
    const busy = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(this.#busyError()), this.#busyTimeoutMs);
    });
    try {
      // The driver has asked for the lock, also for a write that was given up since, and closes when it has had it.
      await Promise.race([this.#closing, busy]);
    } catch (cause) {
      throw toStoreError(cause, "the database cannot be closed");
    } finally {
      clearTimeout(timer);
    }
  }

  #busyError(): StoreError {
    const what = `another process has kept the write lock for ${this.#busyTimeoutMs} ms`;
    return new StoreError("UNAVAILABLE", `boltstore: ${what}; the database is closed when it lets go`);
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
