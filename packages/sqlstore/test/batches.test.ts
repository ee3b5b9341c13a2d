import Database from "better-sqlite3";
import sqlite3 from "sqlite3";
import { describe, expect, it, onTestFinished } from "vitest";
import { SqlStore } from "../src/index.js";
import {
  appDatabase,
  bytes,
  drivers,
  newPath,
  openStore,
  plainDatabase,
  soon,
  text,
} from "./fixtures/databases.js";

const one = bytes("one");
const two = bytes("two");
const refusal = `CREATE TRIGGER refuse BEFORE INSERT ON sessions WHEN NEW.token = 'bad'
  BEGIN SELECT RAISE(ABORT, 'no'); END`;

const outcomes = async (calls: Promise<unknown>[]): Promise<unknown[]> =>
  (await Promise.allSettled(calls)).map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : (outcome.reason as { code: string }).code,
  );

it("sqlite3: sends calls in flight together as one statement of each kind", async () => {
  const db = await appDatabase("sqlite3", newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.createTable();
  const statements: string[] = [];
  db.on("trace", (sql) => void statements.push(sql.split(" ")[0] ?? ""));
  const tokens = Array.from({ length: 64 }, (_, n) => `t${n}`);
  await Promise.all(tokens.map((token) => store.commit(token, one, soon())));
  await Promise.all(tokens.map((token) => store.find(token)));
  await Promise.all(tokens.map((token) => store.touch(token, soon())));
  await Promise.all(tokens.map((token) => store.replace(token, one, two, soon())));
  await Promise.all(tokens.map((token) => store.replace(token, undefined, two, soon())));
  await Promise.all(tokens.map((token) => store.delete(token)));
  await new Promise((resolve) => db.wait(resolve as () => void)); // traces arrive separately
  expect(statements).toEqual(["INSERT", "SELECT", "WITH", "WITH", "INSERT", "DELETE"]);
});

it("better-sqlite3: sends writes in flight together as one transaction", async () => {
  const statements: string[] = [];
  const db = new Database(newPath(), {
    verbose: (sql) => void statements.push(String(sql).split(" ", 2).join(" ")),
  });
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  onTestFinished(async () => {
    await store[Symbol.asyncDispose]();
    db.close();
  });
  await store.createTable();
  statements.length = 0;
  await Promise.all(
    Array.from({ length: 64 }, (_, n) => (n % 2 ? store.commit(`t${n}`, one, soon()) : store.delete("t"))),
  );
  expect(statements.filter((sql) => sql === "BEGIN IMMEDIATE").length).toBeLessThan(34); // the deletes keep their order
  statements.length = 0;
  await Promise.all(Array.from({ length: 64 }, (_, n) => store.commit(`t${n}`, one, soon())));
  expect(statements.filter((sql) => /^BEGIN|^COMMIT/.test(sql))).toHaveLength(2);
});

describe.each(drivers)("%s", (driver) => {
  it.each(["a handle of its own", "the app's handle"])(
    "one record that the table refuses fails alone, on %s",
    async (whose) => {
      const path = newPath();
      const owned = (await openStore(path, { driver })).store;
      const store =
        whose === "a handle of its own"
          ? owned
          : new SqlStore(await appDatabase(driver, path), { cleanupIntervalMs: 0 });
      onTestFinished(() => store[Symbol.asyncDispose]());
      await (await plainDatabase(driver, path)).exec(refusal);
      for (const token of ["a", "b", "c", "d"]) await store.commit(token, one, soon());
      expect(
        await outcomes([
          store.replace("a", one, two, soon()),
          store.commit("bad", one, soon()),
          store.touch("b", soon()),
          store.delete("c"),
          store.replace("d", two, one, soon()),
          store.commit("e", one, soon()),
          store.replace("bad", undefined, one, soon()),
          store.replace("f", undefined, one, soon()),
          store.find("d"),
        ]),
      ).toEqual([
        true,
        "INVALID_ARGUMENT",
        true,
        undefined,
        false,
        undefined,
        "INVALID_ARGUMENT",
        true,
        expect.anything(),
      ]);
      expect([...(await store.all()).keys()].sort()).toEqual(["a", "b", "d", "e", "f"]);
      expect(text((await store.find("a"))?.data)).toBe("two");
    },
  );

  it("executes 64 concurrent calls for one session in order", async () => {
    const { store } = await openStore(newPath(), { driver });
    await store.commit("t", bytes("0"), soon());
    const replaces = Array.from({ length: 64 }, (_, n) =>
      store.replace("t", bytes(`${n}`), bytes(`${n + 1}`), soon()),
    );
    expect((await Promise.all(replaces)).every(Boolean)).toBe(true);
    const finds = await Promise.all(Array.from({ length: 64 }, () => store.find("t")));
    expect(new Set(finds.map((record) => text(record?.data)))).toEqual(new Set(["64"]));
    finds[0]?.data.fill(0);
    expect(text(finds[1]?.data)).toBe("64");
  });

  it("answers more concurrent calls than fit into a batch, and large ones", async () => {
    const { store } = await openStore(newPath(), { driver });
    const tokens = Array.from({ length: 1000 }, (_, n) => `t${n}`);
    const large = new Uint8Array(2 ** 20).fill(7);
    await Promise.all([
      ...tokens.map((token) => store.commit(token, bytes(token), soon())),
      ...Array.from({ length: 10 }, (_, n) => store.commit(`large${n}`, large, soon())),
    ]);
    const found = await Promise.all(tokens.map((token) => store.find(token)));
    expect(found.map((record) => text(record?.data))).toEqual(tokens);
    expect(Buffer.compare((await store.find("large9"))?.data ?? one, large)).toBe(0);
  });

  it("iterates in pages of limited size over large records", async () => {
    const { store } = await openStore(newPath(), { driver });
    for (let n = 0; n < 600; n++) await store.commit(`a${n}`, one, soon());
    for (let n = 0; n < 8; n++) await store.commit(`b${n}`, new Uint8Array(700_000), soon());
    const seen: string[] = [];
    for await (const { token } of store.entries()) {
      // The page with the first large record ends early; the next page sees the change.
      if (token === "b0") for (let n = 2; n < 8; n++) await store.delete(`b${n}`);
      seen.push(token);
    }
    expect(seen.filter((token) => token.startsWith("a"))).toHaveLength(600);
    expect(seen.slice(600)).toEqual(["b0", "b1"]);
  });
});

it("sqlite3: refuses only the session that exceeds SQLite's limit, not its batch", async () => {
  const db = await appDatabase("sqlite3", newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 0 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.createTable();
  db.configure("limit", sqlite3.LIMIT_LENGTH, 10_000);
  expect(
    await outcomes([
      store.commit("a", one, soon()),
      store.commit("b", new Uint8Array(20_000), soon()),
      store.replace("c", undefined, new Uint8Array(20_000), soon()),
      store.commit("d", one, soon()),
    ]),
  ).toEqual([undefined, "INVALID_ARGUMENT", "INVALID_ARGUMENT", undefined]);
  expect([...(await store.all()).keys()].sort()).toEqual(["a", "d"]);
});

it("refuses data above every SQLite's limit before copying it", async () => {
  const { store } = await openStore(newPath());
  const tooLong = new Uint8Array(1_000_000_001); // its pages are never touched
  await expect(store.commit("t", tooLong, soon())).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});
