import { join } from "node:path";
import type { FullStore, StoreOptions } from "@scs/core";
import type { Contender, ContenderKind, Durability, Environment, ServerName } from "./contender.js";
import { makePool } from "./database.js";
import type { BenchSession } from "./sessions.js";

export interface StoreKind {
  durability: Durability;
  /** The package whose version is stated. */
  package: string;
  server?: ServerName;
  /** Whether it keeps sessions in files of its directory, so that it can be opened again. Not of one on a server. */
  isDurable: boolean;
  /** Whether it has one file for each session. */
  keepsFiles?: boolean;
  /** Whether several processes can have it open. */
  isShared: boolean;
  /** Whether it saves snapshots, and takes the option `minLogBytes`, the size of its logs from which it does. */
  hasSnapshots?: boolean;
  /** Gives a store that closes on disposal all that was opened for it. */
  open(
    environment: Pick<Environment, "directory" | "url">,
    options: StoreOptions & { durability?: "flushed" | "committed"; minLogBytes?: number },
  ): Promise<FullStore>;
}

/** The stores of this project by name. A package is loaded only in the process that measures it. */
export const stores: Record<string, StoreKind> = {
  memstore: {
    durability: "memory",
    package: "@scs/memstore",
    isDurable: false,
    isShared: false,
    async open(_environment, options) {
      const { MemStore } = await import("@scs/memstore");
      return new MemStore(options);
    },
  },
  hybridstore: {
    durability: "flushed",
    package: "@scs/hybridstore",
    isDurable: true,
    isShared: false,
    hasSnapshots: true,
    async open({ directory }, options) {
      const { openHybridStore } = await import("@scs/hybridstore");
      const snapshotRatio = options.minLogBytes === undefined ? 1 : Number.MIN_VALUE;
      return openHybridStore(join(directory, "hybrid"), { ...options, snapshotRatio });
    },
  },
  boltstore: {
    durability: "flushed",
    package: "@scs/boltstore",
    isDurable: true,
    isShared: true,
    async open({ directory }, options) {
      const { openBoltStore } = await import("@scs/boltstore");
      return openBoltStore(join(directory, "sessions.mdb"), options);
    },
  },
  filestore: {
    durability: "flushed",
    package: "@scs/filestore",
    keepsFiles: true,
    isDurable: true,
    isShared: true,
    async open({ directory }, options) {
      const { FileStore } = await import("@scs/filestore");
      return new FileStore(join(directory, "files"), options);
    },
  },
  "filestore (committed)": {
    durability: "process",
    package: "@scs/filestore",
    keepsFiles: true,
    isDurable: true,
    isShared: true,
    async open({ directory }, options) {
      const { FileStore } = await import("@scs/filestore");
      return new FileStore(join(directory, "files"), { ...options, durability: "committed" });
    },
  },
  sqlstore: {
    durability: "flushed",
    package: "@scs/sqlstore",
    isDurable: true,
    isShared: true,
    open: openSqlite("sqlite3"),
  },
  "sqlstore (better-sqlite3)": {
    durability: "flushed",
    package: "@scs/sqlstore",
    isDurable: true,
    isShared: true,
    open: openSqlite("better-sqlite3"),
  },
  pgstore: {
    durability: "flushed",
    package: "@scs/pgstore",
    server: "postgres",
    isDurable: false,
    isShared: true,
    async open({ url }, { cleanupIntervalMs = 0, now }) {
      const { PgStore } = await import("@scs/pgstore");
      const pool = makePool(url);
      const store = new PgStore(pool, { cleanupIntervalMs, ...(now !== undefined && { now }) });
      await store.createTable();
      return Object.assign(store, {
        [Symbol.asyncDispose]: async () => {
          await PgStore.prototype[Symbol.asyncDispose].call(store);
          await pool.end();
        },
      });
    },
  },
};

function openSqlite(driver: "sqlite3" | "better-sqlite3"): StoreKind["open"] {
  return async ({ directory }, options) => {
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

const decoder = new TextDecoder();
const encode = (session: unknown) => Buffer.from(JSON.stringify(session));
const decode = (data: Uint8Array): BenchSession => JSON.parse(decoder.decode(data));
const dataOf = (found: unknown) => (found as { data: Uint8Array }).data;
const expiryOf = (found: unknown) => (found as { expiry?: Date }).expiry;

/** A store of ours as two contenders: on bytes, as the limits are, and on objects that it encodes, as the peers do. */
export function contendersOf(name: string): ContenderKind[] {
  const { durability, package: from, server, keepsFiles = false, open } = findStore(name);
  const shared = { durability, package: from, keepsFiles, ...(server !== undefined && { server }) };
  const openStore = async (environment: Environment) => {
    const { now } = environment;
    return open(environment, { cleanupIntervalMs: 0, ...(now !== undefined && { now }) });
  };
  return [
    { ...shared, name, takes: "bytes", open: async (environment) => onBytes(await openStore(environment)) },
    {
      ...shared,
      name: `${name} + JSON`,
      takes: "objects",
      note: "JSON and text encoding included, as with the peers",
      open: async (environment) => onObjects(await openStore(environment)),
    },
  ];
}

function onBytes(store: FullStore): Contender {
  return {
    style: "promise",
    prepare: encode,
    read: (found) => decode(dataOf(found)),
    bytesOf: dataOf,
    expiryOf,
    find: (token) => store.find(token),
    commit: (token, content, expiry) => store.commit(token, content as Uint8Array, expiry),
    delete: (token) => store.delete(token),
    touch: (token, _content, expiry) => store.touch(token, expiry),
    touchTells: true,
    replace: (token, previous, content, expiry) =>
      store.replace(token, previous as Uint8Array, content as Uint8Array, expiry),
    all: () => store.all(),
    listed: (all) => Array.from((all as Map<string, Uint8Array>).values(), (data) => ({ data })),
    entries: () => store.entries(),
    deleteExpired: () => store.deleteExpired(),
    close: async () => store[Symbol.asyncDispose](),
  };
}

function onObjects(store: FullStore): Contender {
  return {
    style: "promise",
    prepare: (session) => session,
    read: (found) => found as BenchSession,
    find: async (token) => {
      const record = await store.find(token);
      return record && decode(record.data);
    },
    commit: (token, content, expiry) => store.commit(token, encode(content), expiry),
    delete: (token) => store.delete(token),
    touch: (token, _content, expiry) => store.touch(token, expiry),
    touchTells: true,
    replace: (token, previous, content, expiry) =>
      store.replace(token, encode(previous), encode(content), expiry),
    all: async () => Array.from((await store.all()).values(), decode),
    listed: (all) => all as BenchSession[],
    async *entries() {
      for await (const { data } of store.entries()) yield decode(data);
    },
    deleteExpired: () => store.deleteExpired(),
    close: async () => store[Symbol.asyncDispose](),
  };
}
