import { describe, expect, it, onTestFinished } from "vitest";
import { type OpenSqlStoreOptions, SqlStore } from "../src/index.js";
import {
  appDatabase,
  bytes,
  type Driver,
  drivers,
  newPath,
  openStore,
  type PlainDatabase,
  plainDatabase,
  soon,
} from "./fixtures/databases.js";

const [one, two] = [bytes("one"), bytes("two")];
const TABLE = "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);";

/** Makes every change of a session violate a foreign key, checked at the commit or at the end of the statement. */
const audit = (when: "DEFERRED" | "IMMEDIATE"): string => `PRAGMA foreign_keys = ON;
  CREATE TABLE users (name TEXT PRIMARY KEY);
  CREATE TABLE audit (token TEXT REFERENCES users(name) DEFERRABLE INITIALLY ${when});
  ${["INSERT", "UPDATE", "DELETE"]
    .map((event) => {
      const row = event === "DELETE" ? "OLD" : "NEW";
      return `CREATE TRIGGER on_${event} AFTER ${event} ON sessions BEGIN INSERT INTO audit VALUES (${row}.token); END;`;
    })
    .join("\n")}`;

const later = soon(90_000);
/** Each kind of write on session `t`, with a check of its effect. */
const writes: Record<string, (store: SqlStore, token: string) => Promise<unknown>> = {
  commit: (store, token) => store.commit(token, two, later),
  insert: (store, token) => store.replace(`${token} new`, undefined, two, later),
  replace: (store, token) => store.replace(token, one, two, later),
  touch: (store, token) => store.touch(token, later),
  delete: (store, token) => store.delete(token),
};

const content = (plain: PlainDatabase): Promise<unknown[][]> =>
  plain.rows("SELECT token, hex(data), expiry FROM sessions ORDER BY token");

interface Opened {
  store: SqlStore;
  plain: PlainDatabase;
}

/** Opens a store with two sessions on the app's handle, on a file without WAL. */
async function openOnHandle(driver: Driver, options: OpenSqlStoreOptions = {}) {
  const path = newPath();
  const db = await appDatabase(driver, path);
  const plain = await plainDatabase(driver, path);
  await plain.exec(TABLE);
  const store = new SqlStore(db, { cleanupIntervalMs: 0, ...options });
  onTestFinished(() => store[Symbol.asyncDispose]());
  for (const token of ["t", "u"]) await store.commit(token, one, soon());
  const exec = (sql: string): Promise<void> =>
    new Promise((resolve, reject) => {
      if (driver !== "sqlite3") resolve(void db.exec(sql));
      else db.exec(sql, (error: unknown) => (error ? reject(error as Error) : resolve()));
    });
  return { store, plain, exec };
}

async function expectNothingWritten({ store, plain }: Opened, name: string, code: string): Promise<void> {
  const write = writes[name] as (typeof writes)[string];
  const before = await content(plain);
  await expect(write(store, "t"), `${name} alone`).rejects.toMatchObject({ code });
  const together = await Promise.allSettled([write(store, "t"), write(store, "u")]);
  for (const outcome of together)
    expect(outcome, `${name}, two in flight`).toMatchObject({ status: "rejected", reason: { code } });
  expect(await content(plain), name).toEqual(before);
}

describe.each(drivers)("%s: an uncommitted write is an error", (driver) => {
  it.each(["DEFERRED", "IMMEDIATE"] as const)(
    "by a foreign key that is checked %s, on the app's handle",
    async (when) => {
      const opened = await openOnHandle(driver);
      await opened.exec(audit(when));
      for (const name of Object.keys(writes)) await expectNothingWritten(opened, name, "INVALID_ARGUMENT");
    },
  );

  it("because another connection reads while the file has no WAL", async () => {
    const opened = await openOnHandle(driver, { busyTimeoutMs: 0 });
    await opened.store.commit("gone", one, soon(-1));
    await opened.plain.exec("BEGIN");
    await opened.plain.rows("SELECT * FROM sessions"); // its shared lock prevents the exclusive lock of COMMIT
    for (const name of Object.keys(writes)) await expectNothingWritten(opened, name, "UNAVAILABLE");
    await expect(opened.store.deleteExpired()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await opened.plain.exec("COMMIT");
    for (const [name, write] of Object.entries(writes)) {
      const token = `fresh ${name}`;
      await opened.store.commit(token, one, soon());
      const before = await content(opened.plain);
      expect(await write(opened.store, token)).not.toBe(false);
      expect(await content(opened.plain), name).not.toEqual(before);
    }
  });

  it("and later writes are committed, after each kind of call has failed at a lock", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver, busyTimeoutMs: 0 });
    await store.commit("t", one, soon());
    const plain = await plainDatabase(driver, path);
    const calls: ((store: SqlStore) => Promise<unknown>)[] = [
      ...Object.values(writes).map((write) => (each: SqlStore) => write(each, "t")),
      (each) => Promise.all(Object.values(writes).map((write, n) => write(each, `t${n}`))),
      (each) => each.deleteExpired(),
      (each) => each.createTable(),
    ];
    for (const [n, call] of calls.entries()) {
      await plain.exec("BEGIN IMMEDIATE");
      await Promise.allSettled([call(store)]);
      await plain.exec("ROLLBACK");
      await store.commit(`after ${n}`, one, soon());
      expect(await plain.rows(`SELECT count(*) FROM sessions WHERE token = 'after ${n}'`)).toEqual([[1]]);
      await plain.exec("BEGIN IMMEDIATE; ROLLBACK"); // the lock is free
    }
  });

  it("because a trigger ignores it", async () => {
    const opened = await openOnHandle(driver);
    await opened.exec(`CREATE TRIGGER ignore_new BEFORE INSERT ON sessions BEGIN SELECT RAISE(IGNORE); END;
      CREATE TRIGGER ignore_old BEFORE UPDATE ON sessions BEGIN SELECT RAISE(IGNORE); END`);
    const before = await content(opened.plain);
    await expect(opened.store.commit("t", two, later)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    for (const outcome of await Promise.allSettled(
      ["t", "new"].map((t) => opened.store.commit(t, two, later)),
    ))
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "INVALID_ARGUMENT" } });
    expect(await opened.store.replace("new", undefined, two, later)).toBe(false);
    expect(await opened.store.touch("t", later)).toBe(false);
    expect(await content(opened.plain)).toEqual(before);
  });

  it("because of a constraint, while other calls of its transaction succeed", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver });
    await store.commit("t", one, soon());
    const plain = await plainDatabase(driver, path);
    await plain.exec(`CREATE TRIGGER refuse AFTER UPDATE ON sessions WHEN NEW.token = 't' BEGIN
      SELECT RAISE(ABORT, 'no'); END`);
    const calls = [store.replace("t", one, two, later), store.replace("v", undefined, two, later)];
    expect(await Promise.allSettled(calls)).toMatchObject([
      { status: "rejected", reason: { code: "INVALID_ARGUMENT" } },
      { status: "fulfilled", value: true },
    ]);
    expect((await content(plain)).map(([token, data]) => [token, data])).toEqual([
      ["t", "6F6E65"],
      ["v", "74776F"],
    ]);
  });
});
