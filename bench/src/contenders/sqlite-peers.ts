import { once } from "node:events";
import { join } from "node:path";
import type { Store } from "express-session";
import type { ContenderKind } from "../harness/contender.js";
import { load } from "../harness/packages.js";
import { expressPeer } from "./express-peer.js";
import type { BetterSqlite3SessionStore, ConnectSqlite3 } from "./peer-types.js";

export const connectSqlite3: ContenderKind = expressPeer({
  name: "connect-sqlite3",
  durability: "flushed",
  package: "connect-sqlite3",
  note: "on sqlite3, rollback journal, synchronous FULL: the defaults",
  open: async ({ directory }) => {
    const { default: session } = await import("express-session");
    const { default: createStore } = await load<ConnectSqlite3>("connect-sqlite3");
    const store = new (createStore({ session }))({ dir: directory });
    await once(store.client, "connect");
    const { db } = store;
    return {
      store,
      bulk: (command) =>
        new Promise((resolve, reject) => db.run(command, (error) => (error ? reject(error) : resolve()))),
      close: () => new Promise((resolve) => db.close(() => resolve())),
    };
  },
});

export const betterSqlite3Peer: ContenderKind = expressPeer({
  name: "better-sqlite3-session-store",
  durability: "flushed",
  package: "better-sqlite3-session-store",
  note: "write-ahead log, as better-sqlite3 advises; synchronous FULL",
  open: async ({ directory }) => {
    const { default: session } = await import("express-session");
    const { default: Database } = await import("better-sqlite3");
    const { default: createStore } = await load<BetterSqlite3SessionStore>("better-sqlite3-session-store");
    const client = new Database(join(directory, "sessions.db"));
    client.pragma("journal_mode = WAL");
    client.pragma("synchronous = FULL"); // with a write-ahead log, the driver's default is NORMAL
    const store = new (createStore(session))({ client }); // its timer ends with the process
    // Its `all` returns the rows of its table.
    const all: Store["all"] = (done) =>
      store.all?.((error, rows) =>
        done(error, error ? undefined : Object.values(rows as object).map(({ sess }) => JSON.parse(sess))),
      );
    return {
      store: {
        get: (token, done) => store.get(token, done),
        set: (token, content, done) => store.set(token, content, done),
        destroy: (token, done) => store.destroy(token, done),
        touch: (token, content, done) => store.touch?.(token, content, done),
        length: (done) => store.length?.(done),
        all,
      },
      forExpress: store,
      deleteExpired: (done) => {
        store.clearExpiredSessions();
        done();
      },
      close: async () => void client.close(),
      bulk: async (command) => void client.exec(command),
    };
  },
});
