import { join } from "node:path";
import type { FullStore, StoreOptions } from "@scs/core";
import { startPostgres } from "./postgres.js";

export interface StoreKind {
  /** Whether it keeps sessions in files of its directory, so that it can be opened again. */
  isDurable: boolean;
  /** Whether it saves snapshots, and takes the option `minLogBytes`, the size of its logs from which it does. */
  hasSnapshots?: boolean;
  /** Whether it works on a server: then there is nothing of it to be weighed in the process. */
  isRemote?: boolean;
  /** Gives a store that closes on disposal all that was opened for it. */
  open(
    directory: string,
    options: StoreOptions & { durability?: "flushed" | "committed"; minLogBytes?: number },
  ): Promise<FullStore>;
}

/** The stores of this project by name. A package is loaded only in the process that measures it. */
export const stores: Record<string, StoreKind> = {
  memstore: {
    isDurable: false,
    async open(_directory, options) {
      const { MemStore } = await import("@scs/memstore");
      return new MemStore(options);
    },
  },
  hybridstore: {
    isDurable: true,
    hasSnapshots: true,
    async open(directory, options) {
      const { openHybridStore } = await import("@scs/hybridstore");
      const snapshotRatio = options.minLogBytes === undefined ? 1 : Number.MIN_VALUE;
      return openHybridStore(directory, { ...options, snapshotRatio });
    },
  },
  boltstore: {
    isDurable: true,
    async open(directory, options) {
      const { openBoltStore } = await import("@scs/boltstore");
      return openBoltStore(join(directory, "sessions.mdb"), options);
    },
  },
  filestore: {
    isDurable: true,
    async open(directory, options) {
      const { FileStore } = await import("@scs/filestore");
      return new FileStore(directory, options);
    },
  },
  "filestore (committed)": {
    isDurable: true,
    async open(directory, options) {
      const { FileStore } = await import("@scs/filestore");
      return new FileStore(directory, { ...options, durability: "committed" });
    },
  },
  pgstore: {
    isDurable: false,
    isRemote: true,
    async open(_directory, { cleanupIntervalMs = 0 }) {
      const { PgStore } = await import("@scs/pgstore");
      const { pool, close } = await startPostgres();
      const store = new PgStore(pool, { cleanupIntervalMs });
      await store.createTable();
      return Object.assign(store, {
        [Symbol.asyncDispose]: async () => {
          await PgStore.prototype[Symbol.asyncDispose].call(store);
          await close();
        },
      });
    },
  },
  sqlstore: { isDurable: true, open: openSqlite("sqlite3") },
  "sqlstore (better-sqlite3)": { isDurable: true, open: openSqlite("better-sqlite3") },
};

function openSqlite(driver: "sqlite3" | "better-sqlite3"): StoreKind["open"] {
  return async (directory, options) => {
    const { openSqlStore } = await import("@scs/sqlstore");
    return openSqlStore(join(directory, "sessions.db"), { ...options, driver });
  };
}

/** Gives the store of this name. */
export function findStore(name: string): StoreKind {
  const kind = stores[name];
  if (kind === undefined) {
    throw new RangeError(`no store "${name}"; there are: ${Object.keys(stores).join(", ")}`);
  }
  return kind;
}
