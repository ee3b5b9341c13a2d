import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import {
  bytes,
  type Driver,
  drivers,
  newPath,
  openStore,
  plainDatabase,
  soon,
  text,
} from "./fixtures/databases.js";

const run = promisify(execFile);

/** From the documentation of Go's sqlite3store. */
const goTable = `CREATE TABLE sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
CREATE INDEX sessions_expiry_idx ON sessions(expiry);`;

/** Returns the answer of the `sqlite3` shell or, where it is missing, of a driver. */
async function shell(driver: Driver, path: string, sql: string): Promise<string> {
  try {
    return (await run("sqlite3", [path, sql])).stdout.trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    console.info("the sqlite3 shell is not installed: the driver runs the SQL instead");
    const rows = await (await plainDatabase(driver, path)).rows(sql);
    return rows.map((row) => row.join("|")).join("\n");
  }
}

describe.each(drivers)("%s", (driver) => {
  it("reads rows that another program wrote by plain SQL", async () => {
    const path = newPath();
    const db = await plainDatabase(driver, path);
    await db.exec(goTable);
    await db.exec(`REPLACE INTO sessions VALUES ('go', x'00ff', julianday('now', '+1 hour')),
      ('gone', x'01', julianday('now', '-1 hour')), ('text', 'hé', julianday('now', '+1 hour')),
      ('empty', x'', julianday('now', '+1 hour')), ('whole', x'02', 2500000)`);
    const { store, errors } = await openStore(path, { driver });
    const record = await store.find("go");
    expect([...(record?.data ?? [])]).toEqual([0, 255]);
    expect(Math.abs((record?.expiry.getTime() ?? 0) - Date.now() - 3_600_000)).toBeLessThan(60_000);
    expect(await store.find("gone")).toBeUndefined();
    expect(text((await store.find("text"))?.data)).toBe("hé");
    expect((await store.find("empty"))?.data).toHaveLength(0);
    expect((await store.find("whole"))?.expiry).toEqual(
      new Date(2_500_000 * 86_400_000 - 210_866_760_000_000),
    );
    expect([...(await store.all()).keys()].sort()).toEqual(["empty", "go", "text", "whole"]);
    expect(await store.deleteExpired()).toBe(1);
    expect(errors).toEqual([]);
  });

  it("treats text as its bytes in replace, and leaves it as text in touch", async () => {
    const path = newPath();
    const db = await plainDatabase(driver, path);
    await db.exec(goTable);
    await db.exec("INSERT INTO sessions VALUES ('t', 'hé', julianday('now', '+1 hour'))");
    const { store } = await openStore(path, { driver });
    expect(await store.touch("t", soon())).toBe(true);
    expect(await db.rows("SELECT typeof(data) FROM sessions")).toEqual([["text"]]);
    expect(await store.replace("t", bytes("he"), bytes("two"), soon())).toBe(false);
    expect(await store.replace("t", undefined, bytes("two"), soon())).toBe(false);
    expect(await store.replace("t", bytes("hé"), bytes("two"), soon())).toBe(true);
    expect(await db.rows("SELECT typeof(data) FROM sessions")).toEqual([["blob"]]);
  });

  it("writes expiries that the sqlite3 shell can compare with julianday('now')", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver });
    await store.commit("live", bytes("abc"), soon());
    await store.commit("gone", bytes("abc"), soon(-1000));
    await store.commit("touched", bytes(""), soon(-1000));
    await store.replace("inserted", undefined, bytes("de"), soon());
    await store.commit("touched", bytes(""), soon());
    await store.touch("touched", soon(7_200_000));
    const go = "SELECT token, hex(data), typeof(data), typeof(expiry) FROM sessions";
    expect(await shell(driver, path, `${go} WHERE julianday('now') < expiry ORDER BY token`)).toBe(
      "inserted|6465|blob|real\nlive|616263|blob|real\ntouched||blob|real",
    );
    expect(
      await shell(
        driver,
        path,
        "SELECT datetime(expiry) > datetime('now', '+1 hour') FROM sessions WHERE token = 'touched'",
      ),
    ).toBe("1");
    expect(
      await shell(driver, path, "DELETE FROM sessions WHERE expiry < julianday('now') RETURNING token"),
    ).toBe("gone");
  });

  it("creates exactly the documented table and index, and uses the index", async () => {
    const path = newPath();
    await openStore(path, { driver });
    const db = await plainDatabase(driver, path);
    const made = await db.rows("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC");
    const normal = (sql: string): string =>
      sql
        .replaceAll(/["\s]+/g, " ")
        .replaceAll(/ ?([(),]) ?/g, "$1")
        .trim();
    expect(made.map(([sql]) => normal(String(sql)))).toEqual(
      goTable
        .split(";")
        .slice(0, 2)
        .map((sql) => normal(sql)),
    );
    const plan = await db.rows("EXPLAIN QUERY PLAN SELECT rowid FROM sessions WHERE expiry <= 1");
    expect(JSON.stringify(plan)).toContain("sessions_expiry_idx");
  });
});
