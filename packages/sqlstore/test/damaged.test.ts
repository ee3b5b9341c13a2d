import { open } from "node:fs/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { SqlStore } from "../src/index.js";
import {
  appDatabase,
  bytes,
  type Driver,
  drivers,
  newPath,
  openStore,
  plainDatabase,
  soon,
  sqliteError,
  text,
} from "./fixtures/databases.js";

/** Overwrites the root or a leaf page of a table or an index. */
async function damage(driver: Driver, path: string, name: string, page: "root" | "leaf"): Promise<void> {
  const db = await plainDatabase(driver, path);
  const wanted = page === "root" ? "path = '/'" : "pagetype = 'leaf' AND path LIKE '/01%'";
  const sql = `SELECT pageno FROM dbstat WHERE name = '${name}' AND ${wanted}`;
  const [[number]] = (await db.rows(sql)) as [[number]];
  const file = await open(path, "r+");
  await file.write(Buffer.alloc(4096, 0xff), 0, 4096, (number - 1) * 4096);
  await file.close();
}

async function fill(driver: Driver, path: string, count: number): Promise<void> {
  const { store } = await openStore(path, { driver });
  await Promise.all(
    Array.from({ length: count }, (_, n) => store.commit(`t${n}`, new Uint8Array(256), soon())),
  );
  await store[Symbol.asyncDispose]();
}

describe.each(drivers)("%s", (driver) => {
  it("treats a row without readable data or expiry as absent, reports it, and keeps it", async () => {
    const path = newPath();
    const db = await plainDatabase(driver, path);
    await db.exec("CREATE TABLE sessions (token TEXT PRIMARY KEY, data, expiry)");
    await db.exec(`INSERT INTO sessions VALUES ('a', x'00', 'soon'), ('b', x'00', NULL), ('c', NULL, 2500000),
      ('d', 7, 2500000), ('e', x'00', 9e999), ('f', 1.5, 0), ('g', x'01', 2500000.5), ('h', x'00', x'00'),
      ('i', 4611686018427387904, 4611686018427387904), (x'6a', x'00', 2500000), (NULL, x'00', 2500000)`);
    const { store, errors } = await openStore(path, { driver });
    const damaged = ["a", "b", "c", "d", "e", "h", "i"];
    for (const token of damaged) {
      expect(await store.find(token), token).toBeUndefined();
      expect(errors.splice(0), token).toMatchObject([
        { code: "CORRUPT", message: expect.stringMatching(/^sqlstore: /) },
      ]);
      expect(await store.touch(token, soon()), token).toBe(false);
      expect(await store.replace(token, bytes("\0"), bytes("x"), soon()), token).toBe(false);
      expect(await store.replace(token, bytes("7"), bytes("x"), soon()), token).toBe(false);
    }
    expect(await store.find("f")).toBeUndefined();
    expect((await store.find("g"))?.expiry.getTime()).toBe(5_133_283_200_000);
    expect([...(await store.all()).keys()]).toEqual(["g"]);
    const walked: string[] = [];
    for await (const { token } of store.entries()) walked.push(token);
    expect(walked).toEqual(["g"]);
    expect(new Set(errors.map(({ code }) => code))).toEqual(new Set(["CORRUPT"]));
    expect(await store.deleteExpired()).toBe(1);
    expect(await db.rows("SELECT count(*) FROM sessions")).toEqual([[10]]);
    expect(await store.replace("a", undefined, bytes("one"), soon())).toBe(true);
    await store.commit("d", bytes("two"), soon());
    expect([text((await store.find("a"))?.data), text((await store.find("d"))?.data)]).toEqual([
      "one",
      "two",
    ]);
  });

  it("loses only the sessions on a damaged page, and reports them", async () => {
    const path = newPath();
    await fill(driver, path, 3000);
    await damage(driver, path, "sessions", "leaf");
    const { store, errors } = await openStore(path, { driver });
    const found = await Promise.all(Array.from({ length: 3000 }, (_, n) => store.find(`t${n}`)));
    const lost = found.flatMap((record, n) => (record === undefined ? [n] : []));
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(20);
    expect(errors.map(({ code }) => code)).toEqual(lost.map(() => "CORRUPT"));
    expect(errors[0]?.cause).toEqual(sqliteError("CORRUPT"));
    const [first] = lost;
    expect(await store.touch(`t${first}`, soon())).toBe(false);
    await expect(store.all()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringMatching(/damaged/),
    });
  });

  it.each(["sessions", "sqlite_autoindex_sessions_1"])(
    "damage to all of %s logs nobody out",
    async (name) => {
      const path = newPath();
      await fill(driver, path, 3000);
      await damage(driver, path, name, "root");
      const store = new SqlStore(await appDatabase(driver, path), {
        cleanupIntervalMs: 0,
        onError: (error) => expect.fail(error.message),
      });
      onTestFinished(() => store[Symbol.asyncDispose]());
      const finds = await Promise.allSettled([store.find("t1"), store.find("t2"), store.touch("t3", soon())]);
      for (const outcome of finds) {
        expect(outcome).toMatchObject({
          reason: { code: "UNAVAILABLE", message: expect.stringMatching(/file is damaged/) },
        });
      }
    },
  );

  it("does not fail a call when onError throws", async () => {
    const path = newPath();
    await (await plainDatabase(driver, path)).exec(
      "CREATE TABLE sessions (token TEXT PRIMARY KEY, data, expiry); INSERT INTO sessions VALUES ('t', NULL, 2500000)",
    );
    const warned = new Promise((resolve) => process.once("warning", resolve));
    const { store } = await openStore(path, {
      driver,
      onError() {
        throw new Error("mine");
      },
    });
    expect(await store.find("t")).toBeUndefined();
    expect(await warned).toMatchObject({ message: "mine" });
  });
});
