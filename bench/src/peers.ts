import { type EventEmitter, once } from "node:events";
import { join } from "node:path";
import type { Store } from "express-session";
import { makeDirectory, remove } from "./directory.js";
import { startPostgres } from "./postgres.js";

/** A store that people use today, ready to be measured. */
export interface OpenedPeer {
  store: Pick<Store, "get" | "set" | "destroy">;
  /** Closes handles, stops timers and removes files. */
  close?: () => Promise<void>;
}

/** The peers by name, each in the configuration that its README begins with. */
export const peers: Record<string, () => Promise<OpenedPeer>> = {
  MemoryStore: async () => {
    const { default: session } = await import("express-session");
    return { store: new session.MemoryStore() };
  },
  memorystore: async () => {
    const [{ default: session }, { default: createMemoryStore }] = await Promise.all([
      import("express-session"),
      import("memorystore"),
    ]);
    return { store: new (createMemoryStore(session))({}) };
  },
  "connect-sqlite3": async () => {
    const { default: session } = await import("express-session");
    const { default: createStore } = await load<ConnectSqlite3>("connect-sqlite3");
    const directory = await makeDirectory();
    const store = new (createStore({ session }))({ dir: directory });
    await once(store.client, "connect");
    const close = () => new Promise<void>((resolve) => store.db.close(() => resolve(remove(directory))));
    return { store, close };
  },
  "better-sqlite3-session-store": async () => {
    const { default: session } = await import("express-session");
    const { default: Database } = await import("better-sqlite3");
    const { default: createStore } = await load<BetterSqlite3SessionStore>("better-sqlite3-session-store");
    const directory = await makeDirectory();
    // Its README has `verbose: console.log` as well, which would measure the printing.
    const client = new Database(join(directory, "sessions.db"));
    const [store, stopTimers] = catchingTimers(() => new (createStore(session))({ client }));
    const close = async () => {
      stopTimers();
      client.close();
      await remove(directory);
    };
    return { store, close };
  },
  "session-file-store": async () => {
    const [{ default: session }, { default: createFileStore }, path] = await Promise.all([
      import("express-session"),
      import("session-file-store"),
      makeDirectory(),
    ]);
    // By default it prints a line for each session that is not there, having looked five times, for 259 ms in all:
    // a pass of misses, one at a time, would take 40 minutes.
    const store = new (createFileStore(session))({ path, retries: 0, logFn: () => undefined });
    return {
      store: {
        // express-session takes ENOENT for absence, and no notice of what `set` gives back.
        get: (token, callback) =>
          store.get(token, (error, found) => callback(error?.code === "ENOENT" ? null : error, found)),
        set: (token, content, callback) => store.set(token, content, (error) => callback?.(error)),
        destroy: (token, callback) => store.destroy(token, callback),
      },
      close: () => remove(path),
    };
  },
  "connect-pg-simple": async () => {
    const { default: session } = await import("express-session");
    const { default: createStore } = await load<ConnectPgSimple>("connect-pg-simple");
    const { pool, close } = await startPostgres();
    const store = new (createStore(session))({ pool, createTableIfMissing: true });
    return {
      store,
      close: async () => {
        await store.close();
        await close();
      },
    };
  },
};

interface ConnectPgSimple {
  default: (
    session: object,
  ) => new (options: {
    pool: object;
    createTableIfMissing: boolean;
  }) => Store & { close(): Promise<void> };
}

interface ConnectSqlite3 {
  default: (
    connect: object,
  ) => new (options: {
    dir: string;
  }) => Store & { client: EventEmitter; db: { close(callback: () => void): void } };
}

interface BetterSqlite3SessionStore {
  default: (session: object) => new (options: { client: object }) => Store;
}

/** Imports a package that has no types. */
async function load<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** Calls `open`, and gives a function that stops the intervals that it has started: they would hold the process. */
function catchingTimers<T>(open: () => T): [T, () => void] {
  const original = globalThis.setInterval;
  const timers: NodeJS.Timeout[] = [];
  globalThis.setInterval = ((...args: Parameters<typeof original>) => {
    const timer = original(...args);
    timers.push(timer);
    return timer;
  }) as typeof original;
  try {
    return [open(), () => timers.forEach(clearInterval)];
  } finally {
    globalThis.setInterval = original;
  }
}
