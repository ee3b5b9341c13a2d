import { testFullStore } from "@scs/testkit";
import Database from "better-sqlite3";
import sqlite3 from "sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { SqlStore } from "../src/index.js";
import { appDatabase, bytes, drivers, newPath, plainDatabase, soon } from "./fixtures/databases.js";
import { openOn } from "./open-on-handle.js";

const one = bytes("one");

describe("on the app's sqlite3 handle, with another handle as the second client, the contract holds", () => {
  testFullStore(it, openOn("sqlite3"));
});

describe("on the app's better-sqlite3 handle, the contract holds", () => {
  testFullStore(it, openOn("better-sqlite3"));
});

describe.each(drivers)("%s", (driver) => {
  it("leaves the app's handle open, and does not change its settings", async () => {
    const path = newPath();
    const db = await appDatabase(driver, path);
    const store = new SqlStore(db, { cleanupIntervalMs: 0 });
    await store.createTable();
    await store.commit("t", one, soon());
    await store[Symbol.asyncDispose]();
    const plain = await plainDatabase(driver, path);
    expect(await plain.rows("PRAGMA journal_mode")).toEqual([["delete"]]);
    const again = new SqlStore(db, { cleanupIntervalMs: 0 });
    expect(await again.find("t")).toBeDefined();
    await again[Symbol.asyncDispose]();
  });

  it("uses the name of a table literally", async () => {
    const path = newPath();
    const db = await appDatabase(driver, path);
    const names = ['x"; DROP TABLE sessions; --', "sessions", "a b", "select", "日本", "main.sessions", "'"];
    for (const table of names) {
      const store = new SqlStore(db, { table, cleanupIntervalMs: 0 });
      await store.createTable();
      await Promise.all([store.commit("t", bytes(table), soon()), store.commit("u", one, soon())]);
      expect(await store.touch("t", soon())).toBe(true);
      expect(await store.replace("t", bytes(table), bytes(table), soon())).toBe(true);
      expect(await store.replace("t", undefined, one, soon())).toBe(false);
      await store.commit("gone", one, soon(-1));
      expect(await store.deleteExpired()).toBe(1);
      await store[Symbol.asyncDispose]();
    }
    const plain = await plainDatabase(driver, path);
    expect(await plain.rows("SELECT count(*) FROM sqlite_schema WHERE type = 'table'")).toEqual([
      [names.length],
    ]);
    for (const table of names) {
      const store = new SqlStore(db, { table, cleanupIntervalMs: 0 });
      expect([...(await store.all())].sort()).toEqual([
        ["t", expect.objectContaining(bytes(table))],
        ["u", expect.anything()],
      ]);
      await store[Symbol.asyncDispose]();
    }
  });

  it("two stores on one handle do not disturb each other", async () => {
    const db = await appDatabase(driver, newPath());
    const stores = ["a", "b"].map((table) => new SqlStore(db, { table, cleanupIntervalMs: 0 }));
    await Promise.all(stores.map((store) => store.createTable()));
    await Promise.all(stores.flatMap((store) => ["t", "u"].map((token) => store.commit(token, one, soon()))));
    await stores[0]?.[Symbol.asyncDispose]();
    expect((await stores[1]?.all())?.size).toBe(2);
    await stores[1]?.[Symbol.asyncDispose]();
  });
});

it("sqlite3: statements of the app on the handle never become part of a transaction of the store", async () => {
  const path = newPath();
  const db = await appDatabase("sqlite3", path);
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.createTable();
  await new Promise((resolve) =>
    db.exec(
      "CREATE TABLE mine (n); CREATE TRIGGER refuse BEFORE INSERT ON sessions WHEN NEW.token = 'bad' BEGIN SELECT RAISE(ABORT, 'no'); END",
      resolve,
    ),
  );
  const writes = Array.from({ length: 50 }, async (_, n) => {
    await Promise.allSettled([
      store.commit(`t${n}`, one, soon()),
      store.touch(`t${n - 1}`, soon()),
      store.commit("bad", one, soon()),
    ]);
  });
  for (let n = 0; n < 50; n++)
    await new Promise((resolve) => db.run("INSERT INTO mine VALUES (?)", n, resolve));
  await Promise.all(writes);
  const count = await new Promise((resolve) =>
    db.get("SELECT count(*) AS n FROM mine", (_, row) => resolve(row)),
  );
  expect(count).toEqual({ n: 50 });
  expect((await store.all()).size).toBe(50);
});

it.each(["one store", "another store"])(
  "sqlite3: answers a write beside a cleanup of %s that met a lock only once it is committed",
  async (of) => {
    const path = newPath();
    const [db, other] = [await appDatabase("sqlite3", path), await plainDatabase("sqlite3", path)];
    await other.exec("PRAGMA journal_mode = WAL");
    const store = new SqlStore(db, { cleanupIntervalMs: 0 });
    await store.createTable();
    const cleaned = of === "one store" ? store : new SqlStore(db, { cleanupIntervalMs: 0 });
    await cleaned.createTable(); // its check for an open transaction fails, as it must
    // A failed statement stays active until its reset, which waits here.
    const prepare = db.prepare.bind(db) as (...args: unknown[]) => sqlite3.Statement;
    let [fail, release] = [() => {}, () => {}];
    const failed = new Promise<void>((resolve) => {
      fail = resolve;
    });
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    db.prepare = ((...args: unknown[]) => {
      const statement = prepare(...args);
      const reset = statement.reset.bind(statement);
      statement.reset = (callback) => {
        fail();
        released.then(() => reset(callback));
        return statement;
      };
      return statement;
    }) as typeof db.prepare;
    await other.exec("BEGIN IMMEDIATE");
    const cleanup = cleaned.deleteExpired();
    await failed;
    await other.exec("COMMIT");
    const committed = store.commit("t", one, soon()).then(() => other.rows("SELECT token FROM sessions"));
    for (let n = 0; n < 5; n++) await store.find("u"); // as long as a write without a wait
    release();
    expect(await committed).toEqual([["t"]]);
    await cleanup;
    await cleaned[Symbol.asyncDispose]();
    await store[Symbol.asyncDispose]();
  },
);

it("sqlite3: accepts a handle that is still being opened", async () => {
  const db = new sqlite3.Database(newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  await store.createTable();
  await store.commit("t", one, soon());
  expect(await store.find("t")).toBeDefined();
  await store[Symbol.asyncDispose]();
  await new Promise<void>((resolve, reject) => db.close((error) => (error ? reject(error) : resolve())));
});

it("better-sqlite3: a write waits for the app's transaction and iterations on the handle", async () => {
  const db = await appDatabase("better-sqlite3", newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.createTable();
  db.exec("BEGIN");
  const writing = Promise.all([store.commit("t", one, soon()), store.commit("u", one, soon())]);
  for (let n = 0; n < 3; n++) expect(await store.find("other")).toBeUndefined();
  db.exec("ROLLBACK");
  await writing;
  const walk = db.prepare("SELECT token FROM sessions").iterate();
  expect(walk.next().done).toBe(false);
  let settled = false;
  const deleting = store.delete("t").finally(() => {
    settled = true;
  });
  for (let n = 0; n < 3; n++) expect(await store.find("u")).toBeDefined();
  expect(settled).toBe(false);
  walk.return?.();
  await deleting;
});

it("better-sqlite3: works when the app reads integers as bigint", async () => {
  const db = new Database(newPath());
  onTestFinished(() => void db.close());
  db.defaultSafeIntegers(true);
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  await store.createTable();
  await store.commit("t", one, new Date(5_133_240_000_000)); // a whole number of days
  for await (const { expiry } of store.entries()) expect(expiry.getTime()).toBe(5_133_240_000_000);
  expect((await store.all()).size).toBe(1);
  await store[Symbol.asyncDispose]();
});
