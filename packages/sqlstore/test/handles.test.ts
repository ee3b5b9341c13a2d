import { EventEmitter } from "node:events";
import Database from "better-sqlite3";
import sqlite3 from "sqlite3";
import { expect, it, onTestFinished } from "vitest";
import { type SqliteDatabase, SqlStore } from "../src/index.js";
import {
  appDatabase,
  bytes,
  DatabaseSync,
  drivers,
  newPath,
  plainDatabase,
  soon,
} from "./fixtures/databases.js";

const one = bytes("one");
const open = (db: unknown) => () => new SqlStore(db as SqliteDatabase, { cleanupIntervalMs: 0 });
const kinds =
  "db must be a Database of sqlite3, a Database of better-sqlite3 or a DatabaseSync of node:sqlite";
const nothing = (): undefined => undefined;

it.each([undefined, null, {}, "sessions.db", new Map()])("refuses %s as a handle", (db) => {
  expect(open(db)).toThrow(new TypeError(kinds));
});

it.each([
  [
    "the promises of the package sqlite",
    { prepare: async () => ({}), exec: nothing, close: nothing, getDatabaseInstance: nothing },
    /pass db\.getDatabaseInstance\(\)/,
  ],
  ["Drizzle", { $client: {}, prepare: nothing, exec: nothing, close: nothing }, /pass db\.\$client/],
  ["knex", Object.assign(nothing.bind(undefined), { raw: nothing, client: {} }), /openSqlStore\(path\)/],
  ["Kysely", { getExecutor: nothing }, /dialect/],
  ["the module sqlite3", sqlite3, /pass a Database, as in new sqlite3/],
  ["a promise of a handle", Promise.resolve(), /await it first/],
  ["a client of libSQL", { execute: nothing, batch: nothing, close: nothing }, /libSQL/],
  [
    "statements that return promises",
    { inTransaction: false, prepare: async () => ({}), exec: nothing, close: nothing },
    /synchronous methods all and run/,
  ],
  ["libsql", { ...handleThatGives({}), syncUntil: nothing }, /better-sqlite3/],
  ["rows that are arrays", handleThatGives([5000]), /rows as objects/],
  [
    "a handle that does not report open transactions, like node:sqlite before Node.js 22.16",
    { ...handleThatGives({}), inTransaction: undefined },
    /Node\.js 22\.16/,
  ],
])("refuses %s, and says what to pass", (_, db, message) => {
  expect(open(db)).toThrow(TypeError);
  expect(open(db)).toThrow(/^db must /);
  expect(open(db)).toThrow(message);
});

function handleThatGives(row: unknown): object {
  const statement = { all: () => [row], run: () => ({ changes: 1 }), get: nothing };
  return { inTransaction: false, prepare: () => statement, exec: nothing, close: nothing };
}

it("accepts handles like bun:sqlite's, whose get returns null for no row", async () => {
  const db = new Database(newPath());
  onTestFinished(() => void db.close());
  const likeBun = {
    get inTransaction(): boolean {
      return db.inTransaction;
    },
    exec: (sql: string) => db.exec(sql),
    close: () => db.close(),
    prepare: (sql: string) => {
      const statement = db.prepare(sql);
      return {
        all: (...values: unknown[]) =>
          (statement.reader ? statement.all(...values) : void statement.run(...values)) ?? [],
        get: (...values: unknown[]) => statement.get(...values) ?? null,
        run: (...values: unknown[]) => statement.run(...values),
      };
    },
  };
  const store = new SqlStore(likeBun, { cleanupIntervalMs: 0 });
  await store.createTable();
  expect(await store.find("t")).toBeUndefined();
  expect(await store.replace("t", one, one, soon())).toBe(false);
  expect(await store.touch("t", soon())).toBe(false);
  expect(await store.replace("t", undefined, one, soon())).toBe(true);
  expect(await Promise.all([store.find("t"), store.find("u")])).toMatchObject([{ data: one }, undefined]);
  await store[Symbol.asyncDispose]();
});

it.runIf(DatabaseSync)("node:sqlite: refuses a handle that returns rows as arrays", async () => {
  if (DatabaseSync === undefined) return;
  const db = new DatabaseSync(":memory:", { returnArrays: true });
  onTestFinished(() => db.close());
  const returnsArrays = Array.isArray(db.prepare("SELECT 1").all()[0]); // only later versions know the option
  if (returnsArrays) expect(open(db)).toThrow(/rows as objects/);
  else expect(open(db)).not.toThrow();
});

it.each(drivers)("%s: accepts a closed handle, and each call reports it", async (driver) => {
  const db = driver === "sqlite3" ? new sqlite3.Database(newPath()) : await appDatabase(driver, newPath());
  if (db instanceof EventEmitter) await new Promise<void>((resolve) => db.close(() => resolve()));
  else db.close();
  const store = new SqlStore(db, { cleanupIntervalMs: 0, busyTimeoutMs: 20 });
  const calls = [store.find("t"), store.commit("t", one, soon()), store.all(), store.createTable()];
  for (const outcome of await Promise.allSettled(calls))
    expect(outcome).toMatchObject({
      reason: { code: "UNAVAILABLE", message: expect.stringMatching(/handle is not open/) },
    });
  await store[Symbol.asyncDispose]();
});

it.each(drivers)("%s: reads on a read-only handle, and explains why writes fail", async (driver) => {
  const path = newPath();
  const store = new SqlStore(await appDatabase(driver, path), { cleanupIntervalMs: 0 });
  await store.createTable();
  await store.commit("t", one, soon());
  await store[Symbol.asyncDispose]();
  const db = openReadOnly(driver, path);
  const reader = new SqlStore(db, { cleanupIntervalMs: 0 });
  expect((await reader.find("t"))?.data).toEqual(one);
  const calls = [
    reader.commit("t", one, soon()),
    reader.touch("t", soon()),
    reader.delete("t"),
    reader.deleteExpired(),
  ];
  for (const outcome of await Promise.allSettled(calls))
    expect(outcome).toMatchObject({
      reason: { code: "UNAVAILABLE", message: expect.stringMatching(/the database is read-only/) },
    });
  await reader[Symbol.asyncDispose]();
});

function openReadOnly(driver: (typeof drivers)[number], path: string): SqliteDatabase {
  if (driver === "sqlite3") {
    const db = new sqlite3.Database(path, sqlite3.OPEN_READONLY);
    onTestFinished(() => new Promise<void>((resolve) => db.close(() => resolve())));
    return db;
  }
  const db =
    DatabaseSync !== undefined && driver === "node:sqlite"
      ? new DatabaseSync(path, { readOnly: true })
      : new Database(path, { readonly: true });
  onTestFinished(() => void db.close());
  return db;
}

it.each(drivers.filter((driver) => driver !== "sqlite3"))(
  "%s: no write joins a transaction of the app",
  async (driver) => {
    const path = newPath();
    const db = await appDatabase(driver, path);
    const store = new SqlStore(db, { cleanupIntervalMs: 0, table: "mine" });
    const other = new SqlStore(db, { cleanupIntervalMs: 0 });
    await other.createTable();
    await other.commit("gone", one, soon(-1));
    db.exec("BEGIN");
    let settled = 0;
    const calls = [store.createTable(), other.deleteExpired(), other.commit("t", one, soon())];
    for (const call of calls) void call.finally(() => settled++);
    for (let n = 0; n < 3; n++) expect(await other.find("u")).toBeUndefined();
    expect(settled).toBe(0);
    db.exec("ROLLBACK");
    await Promise.all(calls);
    const plain = await plainDatabase(driver, path);
    expect(await plain.rows("SELECT token FROM sessions")).toEqual([["t"]]);
    expect(await plain.rows("SELECT token FROM mine")).toEqual([]);
    for (const each of [store, other]) await each[Symbol.asyncDispose]();
  },
);

it.each(drivers.filter((driver) => driver !== "sqlite3"))(
  "%s: rejects after busyTimeoutMs if the app's transaction is still open",
  async (driver) => {
    const db = await appDatabase(driver, newPath());
    const store = new SqlStore(db, { cleanupIntervalMs: 0, busyTimeoutMs: 0 });
    await store.createTable();
    db.exec("BEGIN");
    const calls = [
      store.createTable(),
      store.deleteExpired(),
      store.commit("t", one, soon()),
      store.touch("t", soon()),
    ];
    for (const outcome of await Promise.allSettled(calls))
      expect(outcome).toMatchObject({
        reason: { code: "UNAVAILABLE", message: expect.stringMatching(/locked/) },
      });
    db.exec("ROLLBACK");
    await store[Symbol.asyncDispose]();
  },
);

it("sqlite3: createTable and cleanups do not join a transaction of the app", async () => {
  const path = newPath();
  const db = await appDatabase("sqlite3", path);
  const exec = (sql: string): Promise<void> =>
    new Promise((resolve, reject) => void db.exec(sql, (error) => (error ? reject(error) : resolve())));
  const store = new SqlStore(db, { cleanupIntervalMs: 0, table: "mine" });
  const other = new SqlStore(db, { cleanupIntervalMs: 0 });
  await other.createTable();
  await other.commit("gone", one, soon(-1));
  await exec("BEGIN");
  let settled = 0;
  const calls = [store.createTable(), other.deleteExpired()];
  for (const call of calls) void call.finally(() => settled++);
  for (let n = 0; n < 3; n++) expect(await other.find("u")).toBeUndefined();
  expect(settled).toBe(0);
  await exec("ROLLBACK");
  expect(await Promise.all(calls)).toEqual([undefined, 1]);
  const plain = await plainDatabase("sqlite3", path);
  expect(await plain.rows("SELECT token FROM sessions")).toEqual([]);
  expect(await plain.rows("SELECT token FROM mine")).toEqual([]);
  for (const each of [store, other]) await each[Symbol.asyncDispose]();
});
