import { chmodSync } from "node:fs";
import { MemStore } from "@scs/memstore";
import Database from "better-sqlite3";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Cluster } from "../../pgstore/test/fixtures/cluster.js";
import type { Finding } from "../src/doctor/finding.js";
import { checkSqlite } from "../src/doctor/sqlite.js";
import { checkClock, checkWrites } from "../src/doctor/writes.js";
import { Folder, scs, shopIn } from "./fixtures/command.js";

async function findings(url: string): Promise<{ code: number; of: (point: string) => Finding | undefined }> {
  const { code, out } = await scs("doctor", "--store", url, "--json");
  const { findings: all } = JSON.parse(out) as { findings: Finding[] };
  return { code, of: (point) => all.find((each) => each.point === point) };
}

describe("on PostgreSQL", () => {
  let cluster: Cluster;
  let pool: pg.Pool;
  beforeAll(async () => {
    cluster = await Cluster.start({ settings: ["fsync = on"] });
    pool = new pg.Pool({ connectionString: cluster.url });
  });
  afterAll(async () => {
    await pool.end();
    await cluster.remove();
  });

  it("reports a missing table or index, wrong types and weak durability, and accepts a sound table", async () => {
    const missing = await findings(cluster.url);
    expect(missing.code).toBe(4);
    expect(missing.of("table")?.detail).toContain("createTable()");

    await pool.query(
      "CREATE UNLOGGED TABLE sessions (token char(64), data bytea NOT NULL, expiry timestamp)",
    );
    const unfit = await findings(cluster.url);
    expect(unfit.code).toBe(4);
    for (const text of [
      "token is of type character(64)",
      "expiry is of type timestamp without",
      "no primary key",
    ]) {
      expect(unfit.of("table")?.detail).toContain(text);
    }
    expect(unfit.of("index")).toMatchObject({ status: "problem" });
    expect(unfit.of("durability")?.detail).toContain("UNLOGGED");

    await pool.query("DROP TABLE sessions");
    expect((await scs("import", "/dev/null", "--store", cluster.url)).code, "makes the table").toBe(0);
    const sound = await findings(cluster.url);
    expect(sound.code).toBe(0);
    for (const point of ["reach", "table", "index", "durability", "writes", "clock"]) {
      expect(sound.of(point), point).toMatchObject({ status: "ok" });
    }
    const { rows } = await pool.query("SELECT count(*)::int AS count FROM sessions");
    expect(rows, "it leaves nothing").toEqual([{ count: 0 }]);
  });
});

describe("on SQLite", () => {
  it("reports a missing index or write-ahead log, and accepts a sound file", async () => {
    using folder = new Folder();
    const db = new Database(folder.in("s.db"));
    const query = async (sql: string) => db.prepare(sql).all() as Record<string, unknown>[];
    db.exec("CREATE TABLE sessions(token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)");
    const bare = await checkSqlite(query, '"sessions"');
    expect(bare.map(({ status }) => status)).toEqual(["ok", "problem", "warning", "ok"]);
    db.close();
    const sound = await findings(`sqlite:${folder.in("s.db")}`); // opening the file created the index and set WAL
    for (const point of ["table", "index", "durability", "file"]) {
      expect(sound.of(point), point).toMatchObject({ status: "ok" });
    }
  });
});

describe("on files", () => {
  it.skipIf(process.platform === "win32")("reports files that other users can read", async () => {
    using folder = new Folder();
    const { url } = await shopIn(folder, ["ada"]);
    expect((await findings(url)).of("access")).toMatchObject({ status: "ok" });
    chmodSync(folder.in("sessions"), 0o755);
    const open = await findings(url);
    expect([open.code, open.of("access")?.detail]).toEqual([4, expect.stringContaining("mode 755")]);
  });
});

describe("on any store", () => {
  it("measures how far the store's clock is ahead or behind", async () => {
    const skews: [number, string, RegExp][] = [
      [0, "ok", /agree/],
      [600_000, "warning", /(59\d|60\d)\.\d s ahead/],
      [-600_000, "warning", /(59\d|60\d)\.\d s behind/],
      [7_200_000, "problem", /more than an hour/],
    ];
    for (const [skew, status, detail] of skews) {
      const store = new MemStore({ now: () => Date.now() + skew });
      expect(await checkClock(store), String(skew)).toMatchObject({
        status,
        detail: expect.stringMatching(detail),
      });
      expect((await store.all()).size, "it leaves nothing").toBe(0);
    }
  });

  it("reports a store that breaks the contract, and one that cannot write", async () => {
    const careless = new MemStore();
    careless.replace = async () => true;
    expect(await checkWrites(careless)).toMatchObject({ status: "problem" });
    const closed = new MemStore();
    await closed[Symbol.asyncDispose]();
    expect(await checkWrites(closed)).toMatchObject({
      status: "problem",
      detail: expect.stringContaining("failed"),
    });
  });
});
