import { truncate, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { inspect } from "node:util";
import sqlite3 from "sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { type OpenSqlStoreOptions, openSqlStore, SqlStore } from "../src/index.js";
import {
  appDatabase,
  bytes,
  drivers,
  newPath,
  openStore,
  plainDatabase,
  soon,
} from "./fixtures/databases.js";
import { mountReadOnly } from "./fixtures/read-only-disk.js";

const one = bytes("one");
const unavailable = (message: RegExp): object => ({
  name: "StoreError",
  code: "UNAVAILABLE",
  message: expect.stringMatching(message),
  cause: expect.any(Error),
});

describe.each(drivers)("%s", (driver) => {
  it("refuses a file that is not a database, and leaves it unchanged", async () => {
    const path = newPath();
    await writeFile(path, "This is no database. ".repeat(1000));
    await expect(openSqlStore(path, { driver })).rejects.toMatchObject(
      unavailable(/^sqlstore: the file is not a SQLite database; check the path/),
    );
  });

  it("reports a directory that does not exist, or is a file", async () => {
    const path = newPath();
    await writeFile(path, "");
    for (const wrong of [
      join(path, "sessions.db"),
      join(dirname(path), "none", "sessions.db"),
      dirname(path),
    ]) {
      await expect(openSqlStore(wrong, { driver })).rejects.toMatchObject(
        unavailable(/^sqlstore: the database cannot be opened; its directory must exist/),
      );
    }
  });

  it("reports a read-only directory", async (context) => {
    const disk = await mountReadOnly(async (path) => {
      const store = await openSqlStore(join(path, "there.db"), { driver });
      await store.commit("t", one, soon());
      await store[Symbol.asyncDispose]();
    });
    if (typeof disk === "string") {
      console.info(disk);
      return context.skip(disk);
    }
    onTestFinished(disk.unmount);
    for (const name of ["there.db", "new.db"]) {
      await expect(openSqlStore(join(disk.path, name), { driver })).rejects.toMatchObject(
        unavailable(/read-only; this process must|cannot be opened; its directory/),
      );
    }
  });

  it("reports a locked file after busyTimeoutMs", async () => {
    const path = newPath();
    await openStore(path, { driver }).then(({ store }) => store[Symbol.asyncDispose]());
    const other = await plainDatabase(driver, path);
    await other.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
    await expect(openSqlStore(path, { driver, busyTimeoutMs: 20 })).rejects.toMatchObject(
      unavailable(/^sqlstore: the database was locked for longer than busyTimeoutMs; look for/),
    );
  });

  it.each([0.5, 0.01])(
    "a file truncated to %s of its length is reported, and logs nobody out",
    async (part) => {
      const path = newPath();
      const { store } = await openStore(path, { driver });
      await Promise.all(
        Array.from({ length: 2000 }, (_, n) => store.commit(`t${n}`, new Uint8Array(256), soon())),
      );
      await store[Symbol.asyncDispose]();
      await truncate(path, Math.round(2000 * 256 * part));
      const finding = openStore(path, { driver }).then((again) => again.store.find("t7"));
      await expect(finding).rejects.toMatchObject(
        unavailable(/^sqlstore: the (database file is damaged|file is not a)/),
      );
    },
  );

  it("names the call that creates a missing table; createTable may be called again", async () => {
    const path = newPath();
    const store = new SqlStore(await appDatabase(driver, path), { cleanupIntervalMs: 0 });
    onTestFinished(() => store[Symbol.asyncDispose]());
    const missing = {
      code: "MISSING_TABLE",
      message: 'sqlstore: table "sessions" does not exist; call createTable() once',
    };
    await expect(store.find("t")).rejects.toMatchObject(missing);
    await expect(store.commit("t", one, soon())).rejects.toMatchObject(missing);
    await expect(store.replace("t", one, one, soon())).rejects.toMatchObject(missing);
    await expect(store.entries().next()).rejects.toMatchObject(missing);
    await expect(store.deleteExpired()).rejects.toMatchObject(missing);
    await Promise.all([store.createTable(), store.createTable()]);
    await store.commit("t", one, soon());
    await (await plainDatabase(driver, path)).exec("DROP TABLE sessions");
    await expect(Promise.all([store.find("t"), store.find("u")])).rejects.toMatchObject(missing);
  });

  it("never passes on a token or session data in a driver's error", async () => {
    if (driver === "sqlite3") sqlite3.verbose(); // adds parameters to stacks
    const path = newPath();
    const { store } = await openStore(path, { driver });
    const secret = "hunter2-hunter2";
    await store.commit(secret, bytes(secret), soon());
    const plain = await plainDatabase(driver, path);
    // SQLite 3.47 and later allow an expression; earlier ones need a trigger for each token.
    const texts = ["NEW.token || hex(NEW.data)", `'${secret} ${Buffer.from(secret).toString("hex")}'`];
    const refuse = async (event: string): Promise<void> => {
      for (const text of texts) {
        const trigger = `CREATE TRIGGER refuse_${event} BEFORE ${event} ON sessions BEGIN SELECT RAISE(ABORT, ${text}); END`;
        if (
          await plain.exec(trigger).then(
            () => true,
            () => false,
          )
        )
          return;
      }
    };
    await refuse("INSERT");
    await refuse("UPDATE");
    const calls = [
      () => store.commit(secret, bytes(secret), soon()),
      () => store.replace("other", undefined, bytes(secret), soon()),
      () => store.touch(secret, soon()),
      () => store.replace(secret, bytes(secret), bytes(secret), soon()),
    ];
    const outcomes = await Promise.allSettled(calls.map((call) => call()));
    for (const call of calls) outcomes.push(...(await Promise.allSettled([call()])));
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "INVALID_ARGUMENT" } });
      expectNoSecret(outcome, secret);
    }
  });
});

/** Looks for the secret in all properties of an error, including non-enumerable ones. */
function expectNoSecret(value: unknown, secret: string): void {
  const shown = inspect(value, { depth: 10, showHidden: true }).toLowerCase();
  for (const form of [secret, Buffer.from(secret).toString("hex"), "68 75 6e 74", "104, 117"])
    expect(shown).not.toContain(form);
}

it("better-sqlite3: reports only the class of an error that the app's function throws in a trigger", async () => {
  const db = await appDatabase("better-sqlite3", newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  await store.createTable();
  const secret = "hunter2-hunter2";
  for (const message of [secret, `the session ${secret} is not open`, `no such table: ${secret}`]) {
    db.function("check_session", () => {
      throw Object.assign(new RangeError(message), { code: secret });
    });
    db.exec(`DROP TRIGGER IF EXISTS refuse;
      CREATE TRIGGER refuse BEFORE INSERT ON sessions BEGIN SELECT check_session(); END`);
    const [outcome] = await Promise.allSettled([store.commit(secret, bytes(secret), soon())]);
    expect(outcome).toMatchObject({ status: "rejected", reason: unavailable(/see the cause/) });
    expectNoSecret(outcome, secret);
  }
  await store[Symbol.asyncDispose]();
});

it("better-sqlite3: reports a handle that the app has closed", async () => {
  const db = await appDatabase("better-sqlite3", newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  await store.createTable();
  db.close();
  await expect(store.find("t")).rejects.toMatchObject(
    unavailable(/^sqlstore: the database handle is not open/),
  );
  await expect(store.commit("t", one, soon())).rejects.toMatchObject(unavailable(/handle is not open/));
  await store[Symbol.asyncDispose]();
});

it("sqlite3: reports a handle that the app has closed", async () => {
  const db = await appDatabase("sqlite3", newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  await new Promise<void>((resolve) => db.close(() => resolve()));
  await expect(store.find("t")).rejects.toMatchObject(
    unavailable(/^sqlstore: the database handle is not open/),
  );
  await store[Symbol.asyncDispose]();
});

it("sqlite3: reports a handle that could not be opened after busyTimeoutMs", async () => {
  const db = new sqlite3.Database(join(newPath(), "none", "sessions.db"), () => undefined);
  const store = new SqlStore(db, { cleanupIntervalMs: 0, busyTimeoutMs: 20 });
  await expect(store.find("t")).rejects.toMatchObject(
    unavailable(/^sqlstore: the database handle is not open/),
  );
  await store[Symbol.asyncDispose]();
});

it("refuses options out of range, and leaves nothing open", async () => {
  const db = await appDatabase("better-sqlite3", newPath());
  expect(() => new SqlStore(db, { table: 7 as unknown as string })).toThrow(
    "table must be a string, got number",
  );
  for (const table of ["", "a\0b", "sqlite_sessions", "\ud800"])
    expect(() => new SqlStore(db, { table })).toThrow(RangeError);
  for (const busyTimeoutMs of [-1, 0.5, Number.NaN, 2 ** 31])
    expect(() => new SqlStore(db, { busyTimeoutMs })).toThrow(RangeError);
  expect(() => new SqlStore(db, { cleanupIntervalMs: -1 })).toThrow(RangeError);
  const open = (options: object): Promise<SqlStore> =>
    openSqlStore(newPath(), options as OpenSqlStoreOptions);
  await expect(open({ driver: "mysql" })).rejects.toThrow(
    "driver must be one of sqlite3, better-sqlite3, node:sqlite",
  );
  await expect(open({ durability: "maybe" })).rejects.toThrow('durability must be "flushed" or "committed"');
  await expect(open({ table: "" })).rejects.toThrow(RangeError);
  await expect(openSqlStore("")).rejects.toThrow("path must be the path of a file");
});
