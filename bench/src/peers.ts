/// <reference path="./session-file-store.d.ts" />
import type { Store } from "express-session";
import type { Contender, ContenderKind, Environment } from "./contender.js";
import { makePool } from "./database.js";
import { load } from "./packages.js";
import type { ConnectPgSimple } from "./peer-types.js";
import { reapAll, type SessionFiles } from "./reap.js";
import { isInstalled } from "./servers.js";
import type { BenchSession } from "./sessions.js";
import { openBetterSqlite3, openConnectSqlite3 } from "./sqlite-peers.js";

export type Done = (error?: unknown, result?: unknown) => void;

/** A store for express-session that people use today, ready to be measured. */
export interface OpenedPeer {
  store: Pick<Store, "get" | "set" | "destroy" | "touch"> & Partial<Pick<Store, "all" | "length">>;
  /** As express-session takes it, if that is another. */
  forExpress?: Store;
  deleteExpired?(done: Done): void;
  bulk?: Contender["bulk"];
  /** Closes handles and stops timers. */
  close?(): Promise<void>;
}

type PeerKind = Omit<ContenderKind, "name" | "takes" | "open"> & {
  open(environment: Environment): Promise<OpenedPeer>;
};

/** The peers by name, each in the configuration that its README begins with. */
const kinds: Record<string, PeerKind> = {
  MemoryStore: {
    durability: "memory",
    package: "express-session",
    open: async () => {
      const { default: session } = await import("express-session");
      return { store: new session.MemoryStore() };
    },
  },
  memorystore: {
    durability: "memory",
    package: "memorystore",
    open: async () => {
      const [{ default: session }, { default: createMemoryStore }] = await Promise.all([
        import("express-session"),
        import("memorystore"),
      ]);
      const store = new (createMemoryStore(session))({});
      const deleteExpired = (done: Done) => {
        store.prune();
        done();
      };
      return { store, deleteExpired };
    },
  },
  "connect-sqlite3": {
    durability: "flushed",
    package: "connect-sqlite3",
    note: "on sqlite3, rollback journal, synchronous FULL: the defaults, of which power failure may undo the last commit",
    open: (environment) => openConnectSqlite3(environment, {}),
  },
  "connect-sqlite3 (WAL)": {
    durability: "flushed",
    package: "connect-sqlite3",
    note: "with `concurrentDb`, which asks for a write-ahead log; synchronous FULL",
    open: (environment) => openConnectSqlite3(environment, { concurrentDb: true }),
  },
  "better-sqlite3-session-store": {
    durability: "flushed",
    package: "better-sqlite3-session-store",
    note: "rollback journal, synchronous FULL: the defaults, of which power failure may undo the last commit",
    open: (environment) => openBetterSqlite3(environment, "DELETE"),
  },
  "better-sqlite3-session-store (WAL)": {
    durability: "flushed",
    package: "better-sqlite3-session-store",
    note: "on a database with a write-ahead log, as the README of better-sqlite3 advises; synchronous FULL",
    open: (environment) => openBetterSqlite3(environment, "WAL"),
  },
  "session-file-store": {
    durability: "process",
    package: "session-file-store",
    keepsFiles: true,
    note: "flushes the file, not the directory; `retries: 0`",
    open: (environment) => openSessionFileStore(environment, { retries: 0 }),
  },
  "session-file-store (retries)": {
    durability: "process",
    package: "session-file-store",
    keepsFiles: true,
    note: "as it is by default: it looks six times for a session that is not there",
    // Whether a session is gone takes it 259 ms to find out: to read back all that were deleted would take minutes.
    operations: ["miss"],
    open: (environment) => openSessionFileStore(environment, {}),
  },
  "connect-pg-simple": {
    durability: "flushed",
    package: "connect-pg-simple",
    server: "postgres",
    note: "unnamed statements, as it makes them",
    open: async ({ url }) => {
      const { default: session } = await import("express-session");
      const { default: createStore } = await load<ConnectPgSimple>("connect-pg-simple");
      const pool = makePool(url);
      const store = new (createStore(session))({
        pool,
        createTableIfMissing: true,
        pruneSessionInterval: false, // or it would sweep while it is measured
      });
      const rows = async () => (await pool.query("SELECT count(*)::int AS rows FROM session")).rows[0].rows;
      return {
        store: Object.assign(store, {
          length: (done: Done) => void rows().then((count) => done(null, count), done),
        }),
        deleteExpired: (done) => store.pruneSessions(done),
        close: async () => {
          await store.close();
          await pool.end();
        },
      };
    },
  },
  "connect-redis": {
    durability: "memory",
    package: "connect-redis",
    server: "redis",
    note: "Redis as it is by default: a snapshot now and then, no log",
    isMissing: () => (isInstalled("redis-server") ? undefined : "no redis-server is installed"),
    open: async ({ url = "" }) => {
      const [{ RedisStore }, { createClient }] = await Promise.all([
        import("connect-redis"),
        import("redis"),
      ]);
      const client = createClient({ url });
      await client.connect();
      await client.flushDb();
      return {
        store: new RedisStore({ client }),
        close: async () => {
          await client.flushDb();
          client.destroy();
        },
      };
    },
  },
};

async function openSessionFileStore(
  { directory: path }: Environment,
  options: { retries?: number },
): Promise<OpenedPeer> {
  const [{ default: session }, { default: createFileStore }, files] = await Promise.all([
    import("express-session"),
    import("session-file-store"),
    load<SessionFiles>("session-file-store/lib/session-file-helpers.js"),
  ]);
  // By default it prints a line for each session that is not there.
  const store = new (createFileStore(session))({ path, logFn: () => undefined, ...options });
  return {
    store: {
      // express-session takes ENOENT for absence, and no notice of what `set` gives back.
      get: (token, done) =>
        store.get(token, (error, found) => done(error?.code === "ENOENT" ? null : error, found)),
      set: (token, content, done) => store.set(token, content, (error) => done?.(error)),
      destroy: (token, done) => store.destroy(token, done),
      touch: (token, content, done) => store.touch?.(token, content, done),
      length: (done) => store.length?.(done),
    },
    forExpress: store,
    deleteExpired: (done) => reapAll(files.default, store.options, done),
  };
}

/** What one must know of the peer of this name to measure it; nothing if there is no such store for express-session. */
export function peerOf(
  name: string,
): Pick<ContenderKind, "durability" | "server" | "isMissing" | "operations"> | undefined {
  return kinds[name];
}

/** Opens the peer of this name for express-session. */
export async function openForExpress(
  name: string,
  environment: Environment,
): Promise<{ store: Store; close(): Promise<void> }> {
  const opened = await kinds[name]?.open(environment);
  if (opened === undefined) throw new RangeError(`no store for express-session "${name}"`);
  const { store, forExpress = store as Store, close } = opened;
  return { store: forExpress, close: async () => close?.() };
}

/** The stores for express-session as contenders, given callbacks, as express-session gives them. */
export const peers: ContenderKind[] = Object.entries(kinds).map(([name, kind]) => ({
  ...kind,
  name,
  takes: "objects",
  open: async (environment) => onCallbacks(await kind.open(environment)),
}));

function onCallbacks({ store, deleteExpired, bulk, close }: OpenedPeer): Contender {
  const call = <Result>(make: (done: Done) => void) =>
    new Promise<Result>((resolve, reject) =>
      make((error, result) => (error ? reject(error) : resolve(result as Result))),
    );
  const { all, length } = store;
  return {
    style: "callback",
    prepare: (session) => session,
    read: (found) => found as BenchSession,
    find: (token, callback) => store.get(token, callback),
    // Some give a second argument, which is no result.
    commit: (token, content, _expiry, callback) =>
      store.set(token, content as BenchSession, (error) => callback(error)),
    delete: (token, callback) => store.destroy(token, (error) => callback(error)),
    touch: (token, content, _expiry, callback) =>
      store.touch?.(token, content as BenchSession, ((error: unknown) => callback(error)) as () => void),
    ...(all !== undefined && {
      all: () => call((done) => all.call(store, done)),
      listed: (listed: unknown) => Object.values(listed as object),
    }),
    ...(deleteExpired !== undefined && {
      deleteExpired: () => call<undefined>((done) => deleteExpired((error) => done(error))),
    }),
    ...(bulk !== undefined && { bulk }),
    ...(length !== undefined && { count: () => call<number>((done) => length.call(store, done)) }),
    close: async () => close?.(),
  };
}
