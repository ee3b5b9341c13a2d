import type Database from "better-sqlite3";
import type sqlite3 from "sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { own } from "../src/drivers/sqlite-database.js";
import { type SqliteDatabase, SqlStore } from "../src/index.js";
import { appDatabase, bytes, newPath, plainDatabase, soon } from "./fixtures/databases.js";

const [one, two] = [bytes("one"), bytes("two")];
const fault = (): Error => Object.assign(new Error("fault"), { code: "SQLITE_IOERR" });

/** The failing call of the driver, and whether SQLite executes it first. */
class Plan {
  left = -1;
  when: "before" | "after" = "before";

  /** Counts a call. Returns whether it fails. */
  next(): boolean {
    return this.left-- === 0;
  }
}

function faultySync(db: Database.Database, plan: Plan): SqliteDatabase {
  const run =
    (work: (...values: unknown[]) => unknown) =>
    (...values: unknown[]): unknown => {
      const isNow = plan.next();
      if (isNow && plan.when === "before") throw fault();
      const result = work(...values);
      if (isNow) throw fault();
      return result;
    };
  return {
    get inTransaction(): boolean {
      return db.inTransaction;
    },
    exec: (sql: string) => db.exec(sql),
    close: () => undefined,
    prepare(sql: string) {
      const statement = db.prepare(sql);
      return {
        reader: statement.reader,
        all: run((...values) => statement.all(...values)),
        get: run((...values) => statement.get(...values)),
        run: run((...values) => statement.run(...values)),
      };
    },
  } as SqliteDatabase;
}

type Callback = (this: unknown, error: Error | null, rows?: unknown) => void;

function faultySqlite3(db: sqlite3.Database, plan: Plan): SqliteDatabase {
  const run =
    (work: (values: unknown, callback: Callback) => unknown) => (values: unknown, callback: Callback) => {
      const isNow = plan.next();
      if (isNow && plan.when === "before") setImmediate(() => callback(fault()));
      else
        work(values, function (error, rows) {
          callback.call(this, isNow ? fault() : error, rows);
        });
    };
  return {
    open: true,
    wait: (callback: () => void) => db.wait(callback),
    parallelize: () => undefined,
    close: (callback: Callback) => callback(null),
    prepare(sql: string, failed: (error: Error | null) => void) {
      const statement = db.prepare(sql, failed);
      return {
        all: run((values, callback) => statement.all(values, callback)),
        run: run((values, callback) => statement.run(values, callback)),
        reset: (callback: () => void) => statement.reset(callback),
        finalize: () => statement.finalize(),
      };
    },
  } as SqliteDatabase;
}

describe.each(["sqlite3", "better-sqlite3"] as const)("%s", (driver) => {
  it.each(["before", "after"] as const)(
    "acknowledged writes are there if each call of the driver fails in turn, %s its execution",
    async (when) => {
      const path = newPath();
      const plan = new Plan();
      plan.when = when;
      const db =
        driver === "sqlite3"
          ? faultySqlite3(await appDatabase(driver, path), plan)
          : faultySync(await appDatabase(driver, path), plan);
      const store = new SqlStore(own(db), { cleanupIntervalMs: 0 });
      onTestFinished(() => store[Symbol.asyncDispose]());
      await store.createTable();
      const plain = await plainDatabase(driver, path);
      const dataOf = async (token: string): Promise<unknown> =>
        (await plain.rows(`SELECT CAST(data AS TEXT) FROM sessions WHERE token = '${token}'`))[0]?.[0];
      for (let n = 0; n < 8; n++) {
        for (const token of ["a", "b", "c"]) await store.commit(token, one, soon());
        plan.left = n;
        const calls = [
          store.replace("a", one, two, soon()),
          store.commit("b", two, soon()),
          store.delete("c"),
          store.replace(`d${n}`, undefined, two, soon()),
        ];
        const isDone = (await Promise.allSettled(calls)).map(({ status }) => status === "fulfilled");
        plan.left = -1;
        if (isDone[0]) expect(await dataOf("a"), `fault ${n}`).toBe("two");
        if (isDone[1]) expect(await dataOf("b"), `fault ${n}`).toBe("two");
        if (isDone[2]) expect(await dataOf("c"), `fault ${n}`).toBe(undefined);
        if (isDone[3]) expect(await dataOf(`d${n}`), `fault ${n}`).toBe("two");
        // No transaction is left open: the next write commits by itself.
        await store.commit("next", bytes(`${n}`), soon());
        expect(await dataOf("next"), `fault ${n}`).toBe(`${n}`);
      }
    },
  );
});
