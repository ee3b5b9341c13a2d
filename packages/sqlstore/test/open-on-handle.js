import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqlStore } from "@scs/sqlstore";
import Database from "better-sqlite3";
import sqlite3 from "sqlite3";

/** @typedef {import("@scs/core").FullStore} FullStore */

/** Settings of the app's handle. No flushes: these checks do not test durability. */
const SETTINGS = "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF";

/**
 * How the kit opens a store on a handle that the app opened and closes. A second client is a second handle.
 *
 * @param {"sqlite3" | "better-sqlite3"} driver
 * @param {{ closes: boolean }} [use] A process that ends cannot wait for sqlite3 to close a handle.
 * @returns {import("@scs/testkit").ProcessBackend<FullStore>}
 */
export function openOn(driver, { closes } = { closes: true }) {
  /** @type {WeakMap<FullStore, string>} */
  const paths = new WeakMap();

  /** @type {(path: string, options: import("@scs/testkit").OpenOptions, scope: import("@scs/testkit").Scope) => Promise<SqlStore>} */
  const connect = async (path, options, scope) => {
    const db = driver === "sqlite3" ? new sqlite3.Database(path) : new Database(path, { timeout: 0 });
    const close = () =>
      new Promise((resolve) => (db instanceof Database ? resolve(db.close()) : db.close(resolve)));
    if (closes) scope.defer(close);
    if (db instanceof Database) db.exec(SETTINGS);
    else await new Promise((resolve) => db.exec(SETTINGS, resolve));
    const store = new SqlStore(db, { busyTimeoutMs: 60_000, ...options });
    await store.createTable();
    return store;
  };

  return {
    async open(options, scope) {
      const folder = await mkdtemp(join(tmpdir(), "scs-sqlstore-"));
      scope.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
      const path = join(folder, "sessions.db");
      const store = await connect(path, options, scope);
      paths.set(store, path);
      return store;
    },
    another: (store, options, scope) => connect(paths.get(store) ?? "", options, scope),
    module: new URL(`./open-on-${driver}.js`, import.meta.url),
  };
}
