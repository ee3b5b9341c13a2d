import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import { expect, it, onTestFinished, vi } from "vitest";
import { BoltStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

const expiry = new Date(Date.now() + 3_600_000);
const data = new Uint8Array(1);

function openDatabase(): RootDatabase {
  const db = open({ path: join(makeDirectory(), "file"), noSubdir: true });
  onTestFinished(() => db.close());
  return db;
}

it("combines calls made during a transaction into the next", async () => {
  const db = openDatabase();
  const store = new BoltStore(db, { cleanupIntervalMs: 0 });
  await store.commit("first", data, expiry);
  const run = db.childTransaction.bind(db);
  const transaction = vi.spyOn(db, "childTransaction");
  const clock = vi.spyOn(performance, "now").mockReturnValue(0); // no transaction runs out of time
  onTestFinished(() => clock.mockRestore());
  let others: Promise<unknown> | undefined;
  transaction.mockImplementationOnce((work) =>
    run(() => {
      const result = work();
      others = Promise.all(Array.from({ length: 50 }, (_, n) => store.commit(`t${n}`, data, expiry)));
      return result;
    }),
  );
  await store.commit("second", data, expiry);
  await others;
  expect(transaction).toHaveBeenCalledTimes(2);
  expect((await store.all()).size).toBe(52);
});

it("rolls back only the write that throws, and makes the others in order", async () => {
  const db = openDatabase();
  const openDB = db.openDB.bind(db) as (name: string, options: object) => Database<Buffer, Buffer>;
  vi.spyOn(db, "openDB").mockImplementation(((name: string, options: object) => {
    const database = openDB(name, options);
    const put = database.put.bind(database);
    database.put = ((key: Buffer, value: Buffer) => {
      const result = put(key as never, value);
      if (key.toString() === "bad") throw new Error("of the driver");
      return result;
    }) as typeof database.put;
    return database;
  }) as unknown as typeof db.openDB);
  const store = new BoltStore(db, { cleanupIntervalMs: 0 });
  const outcomes = await Promise.allSettled([
    store.commit("a", Buffer.from("1"), expiry),
    store.commit("bad", data, expiry),
    store.replace("a", Buffer.from("1"), Buffer.from("2"), expiry),
    store.find("a"),
    store.replace("a", Buffer.from("2"), Buffer.from("3"), expiry),
  ]);
  expect(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason)),
  ).toEqual([
    undefined,
    expect.objectContaining({
      code: "UNAVAILABLE",
      cause: expect.objectContaining({ message: "of the driver" }),
    }),
    true,
    expect.objectContaining({ data: new Uint8Array(Buffer.from("2")) }),
    true,
  ]);
  expect(await store.find("bad")).toBeUndefined();
  expect([...((await store.find("a"))?.data ?? [])]).toEqual([...Buffer.from("3")]);
});
