import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { StoreError } from "@scs/core";
import { StoreInProcess } from "@scs/testkit";
import { type Database, open, type RootDatabase } from "lmdb";
import { expect, it, onTestFinished } from "vitest";
import { BoltStore, openBoltStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

const data = new Uint8Array([1, 2, 3]);
const expiry = new Date(Date.now() + 3_600_000);
const binary = { encoding: "binary", keyEncoding: "binary" } as const;

function openDatabase(): RootDatabase {
  const db = open({ path: join(makeDirectory(), "app.mdb"), noSubdir: true });
  onTestFinished(() => db.close());
  return db;
}

function openStore(db: RootDatabase, onError: (error: StoreError) => void = () => undefined): BoltStore {
  const store = new BoltStore(db, { cleanupIntervalMs: 0, onError });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

it("stores expiry in ns and data under the token", async () => {
  const db = openDatabase();
  await openStore(db).commit("tøken", data, expiry);
  const sessions: Database<Buffer, Buffer> = db.openDB("scs:session", binary);
  const [entry] = [...sessions.getRange()];
  expect(entry?.key.toString()).toBe("tøken");
  expect(entry?.value.readBigInt64BE()).toBe(BigInt(expiry.getTime()) * 1_000_000n);
  expect([...(entry?.value.subarray(8) ?? [])]).toEqual([1, 2, 3]);
});

it("reads records of another program", async () => {
  const db = openDatabase();
  const store = openStore(db);
  const sessions: Database<Buffer, Buffer> = db.openDB("scs:session", binary);
  const value = Buffer.alloc(11, 9);
  value.writeBigInt64BE(BigInt(expiry.getTime()) * 1_000_000n);
  await sessions.put(Buffer.from("theirs"), value);
  expect(await store.find("theirs")).toEqual({ data: new Uint8Array([9, 9, 9]), expiry });
});

it("lets an app write its own data to the same file at the same time", async () => {
  const db = openDatabase();
  const store = openStore(db);
  const own = db.openDB<string, string>("app", {});
  const writes: Promise<unknown>[] = [];
  for (let n = 0; n < 300; n++) {
    writes.push(own.put(`k${n}`, `v${n}`), store.commit(`t${n}`, data, expiry));
    if (n % 50 === 0) await db.transaction(() => own.put("transaction", `${n}`));
  }
  await Promise.all(writes);
  expect((await store.all()).size).toBe(300);
  expect(own.getCount()).toBe(301);
  expect(own.get("k299")).toBe("v299");
});

it("two stores on one database see each other's writes", async () => {
  const db = openDatabase();
  const [one, other] = [openStore(db), openStore(db)];
  await one.commit("t", data, expiry);
  expect((await other.find("t"))?.data).toEqual(data);
  await other.delete("t");
  expect(await one.find("t")).toBeUndefined();
});

it("closes on disposal only a database that it opened itself", async () => {
  const db = openDatabase();
  await openStore(db)[Symbol.asyncDispose]();
  expect(await db.put("still", "open")).toBe(true);
  const path = join(makeDirectory(), "own.mdb");
  const store = await openBoltStore(path, { cleanupIntervalMs: 0 });
  await store.commit("t", data, expiry);
  await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
  await store[Symbol.asyncDispose]();
  const again = await openBoltStore(path, { cleanupIntervalMs: 0 });
  expect((await again.find("t"))?.data).toEqual(data);
  await again[Symbol.asyncDispose]();
});

it("two stores of one process share the open file until both are disposed of", async () => {
  const path = join(makeDirectory(), "own.mdb");
  const one = await openBoltStore(path, { cleanupIntervalMs: 0 });
  const other = await openBoltStore(path, { cleanupIntervalMs: 0 });
  await one.commit("t", data, expiry);
  await one[Symbol.asyncDispose]();
  expect((await other.find("t"))?.data).toEqual(data);
  await other.commit("u", data, expiry);
  expect((await other.all()).size).toBe(2);
  await other[Symbol.asyncDispose]();
});

for (const isOneClosed of [false, true]) {
  const which = isOneClosed ? "two stores, of which it has closed one," : "two stores";
  it(`a process with ${which} goes on when another process has had the file open`, async () => {
    const path = join(makeDirectory(), "own.mdb");
    const store = await openBoltStore(path, { cleanupIntervalMs: 0 });
    onTestFinished(() => store[Symbol.asyncDispose]());
    await store.commit("before", data, expiry);
    const second = await openBoltStore(path, { cleanupIntervalMs: 0 });
    onTestFinished(() => second[Symbol.asyncDispose]());
    if (isOneClosed) await second[Symbol.asyncDispose]();

    const options = { now: Date.now, cleanupIntervalMs: 0, onError: () => undefined };
    const other = await StoreInProcess.open(new URL("./open.js", import.meta.url), path, options);
    onTestFinished(() => other[Symbol.asyncDispose]());
    await other.commit("theirs", data, expiry);
    await other[Symbol.asyncDispose]();

    for (const token of ["before", "theirs"]) expect((await store.find(token))?.data).toEqual(data);
    await store.commit("after", data, expiry);
    expect([...(await store.all()).keys()].sort()).toEqual(["after", "before", "theirs"]);
  });
}

it("continues with a file that another process has enlarged many times", async () => {
  const path = join(makeDirectory(), "own.mdb");
  const store = await openBoltStore(path, { cleanupIntervalMs: 0, durability: "committed" });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const options = { now: Date.now, cleanupIntervalMs: 0, onError: () => undefined };
  const other = await StoreInProcess.open(new URL("./open.js", import.meta.url), path, options);
  onTestFinished(() => other[Symbol.asyncDispose]());
  await store.commit("small", data, expiry);
  await Promise.all(
    Array.from({ length: 20 }, (_, n) => other.commit(`t${n}`, new Uint8Array(1_000_000).fill(n), expiry)),
  );
  for (let n = 0; n < 20; n++) expect((await store.find(`t${n}`))?.data.at(-1)).toBe(n);
  await store.commit("small", new Uint8Array(2_000_000), expiry);
  expect((await other.find("small"))?.data.length).toBe(2_000_000);
});

it("treats a damaged record as absent, reports it, and keeps its bytes", async () => {
  const errors: StoreError[] = [];
  const db = openDatabase();
  const store = openStore(db, (error) => errors.push(error));
  const sessions: Database<Buffer, Buffer> = db.openDB("scs:session", binary);
  await sessions.put(Buffer.from("damaged"), Buffer.from([1, 2, 3]));
  await store.commit("whole", data, expiry);
  expect(await store.find("damaged")).toBeUndefined();
  expect(errors.map(({ code }) => code)).toEqual(["CORRUPT"]);
  expect([...(await store.all()).keys()]).toEqual(["whole"]);
  const seen: string[] = [];
  for await (const { token } of store.entries()) seen.push(token);
  expect(seen).toEqual(["whole"]);
  expect(await store.touch("damaged", expiry)).toBe(false);
  expect(await store.deleteExpired()).toBe(0);
  expect(sessions.get(Buffer.from("damaged"))).toEqual(Buffer.from([1, 2, 3]));
  expect(errors).toHaveLength(4);
  expect(await store.replace("damaged", undefined, data, expiry)).toBe(true);
  expect((await store.find("damaged"))?.data).toEqual(data);
});

it("does not fail a call when onError throws", async () => {
  const db = openDatabase();
  const store = openStore(db, () => {
    throw new Error("a bug of the app");
  });
  const warnings: string[] = [];
  const warn = (warning: Error) => warnings.push(warning.message);
  process.on("warning", warn);
  onTestFinished(() => void process.off("warning", warn));
  const sessions: Database<Buffer, Buffer> = db.openDB("scs:session", binary);
  await sessions.put(Buffer.from("damaged"), Buffer.from([1]));
  const [replaced, committed] = await Promise.all([
    store.replace("damaged", undefined, data, expiry),
    store.commit("other", data, expiry),
  ]);
  expect([replaced, committed]).toEqual([true, undefined]);
  expect(warnings).toEqual(["a bug of the app"]);
});

it("iterates over large sessions in small pages, and sees concurrent writes", async () => {
  const store = openStore(openDatabase());
  const large = new Uint8Array(400_000);
  await Promise.all(Array.from({ length: 9 }, (_, n) => store.commit(`t${n}`, large, expiry)));
  const seen: string[] = [];
  for await (const { token } of store.entries()) {
    seen.push(token);
    if (token === "t0") await store.delete("t8"); // far after the page that was read
  }
  expect(seen).toEqual(["t0", "t1", "t2", "t3", "t4", "t5", "t6", "t7"]);
});

it("makes an iteration reject on disposal instead of ending early", async () => {
  const store = openStore(openDatabase());
  await store.commit("a", data, expiry);
  await store.commit("b", data, expiry);
  const walk = store.entries();
  expect((await walk.next()).done).toBe(false);
  await store[Symbol.asyncDispose]();
  await expect(walk.next()).rejects.toMatchObject({ code: "CLOSED" });
});

it("waits for the flush only with the durability flushed", async () => {
  for (const durability of ["flushed", "committed"] as const) {
    const db = openDatabase();
    const store = new BoltStore(db, { cleanupIntervalMs: 0, durability });
    await store.deleteExpired(); // waits for the work begun at construction
    let flush = (): void => undefined;
    Object.defineProperty(db, "flushed", {
      value: new Promise<void>((resolve) => {
        flush = resolve;
      }),
    });
    let isWritten = false;
    const writing = store.commit("t", data, expiry).then(() => {
      isWritten = true;
    });
    await db.transaction(() => undefined); // commits after the write
    await setImmediate();
    expect(isWritten).toBe(durability === "committed");
    flush();
    await writing;
    await store[Symbol.asyncDispose]();
  }
});
