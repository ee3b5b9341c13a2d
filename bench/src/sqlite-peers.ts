import { once } from "node:events";
import { join } from "node:path";
import type { Store } from "express-session";
import type { Environment } from "./contender.js";
import { catchingTimers, load } from "./packages.js";
import type { BetterSqlite3SessionStore, ConnectSqlite3 } from "./peer-types.js";
import type { Done, OpenedPeer } from "./peers.js";

export async function openConnectSqlite3(
  { directory }: Environment,
  options: { concurrentDb?: boolean },
): Promise<OpenedPeer> {
  const { default: session } = await import("express-session");
  const { default: createStore } = await load<ConnectSqlite3>("connect-sqlite3");
  const store = new (createStore({ session }))({ dir: directory, ...options });
  await once(store.client, "connect");
  const { db } = store;
  return {
    store,
    bulk: (command) => new Promise((resolve, reject) => db.run(command, (e) => (e ? reject(e) : resolve()))),
    close: () => new Promise((resolve) => db.close(() => resolve())),
  };
}

export async function openBetterSqlite3(
  { directory }: Environment,
  journal: "DELETE" | "WAL",
): Promise<OpenedPeer> {
  const { default: session } = await import("express-session");
  const { default: Database } = await import("better-sqlite3");
  const { default: createStore } = await load<BetterSqlite3SessionStore>("better-sqlite3-session-store");
  // Its README has `verbose: console.log` as well, which would measure the printing.
  const client = new Database(join(directory, "sessions.db"));
  client.pragma(`journal_mode = ${journal}`);
  client.pragma("synchronous = FULL"); // of a database with a log, the driver would make it NORMAL
  const [store, stopTimers] = catchingTimers(() => new (createStore(session))({ client }));
  const deleteExpired = (done: Done) => {
    store.clearExpiredSessions();
    done();
  };
  const close = async () => {
    stopTimers();
    client.close();
  };
  // Its `all` gives the rows of its table, as they are.
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
    deleteExpired,
    close,
    bulk: async (command) => void client.exec(command),
  };
}
