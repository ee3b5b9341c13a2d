import { join } from "node:path";
import { type Database, open, type RootDatabase } from "lmdb";
import { expect, it, onTestFinished, vi } from "vitest";
import { BoltStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

const data = new Uint8Array(10);
const binary = { encoding: "binary", keyEncoding: "binary" } as const;

interface Opened {
  db: RootDatabase;
  store: BoltStore;
  /** Returns the entries of the index in order: token and time. */
  entries(): [number, string][];
  clock: { now: number };
}

function openStore(): Opened {
  const clock = { now: 0 };
  const db = open({ path: join(makeDirectory(), "file"), noSubdir: true });
  onTestFinished(() => db.close());
  const store = new BoltStore(db, { cleanupIntervalMs: 0, now: () => clock.now });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const index: Database<Buffer, Buffer> = db.openDB("scs:session:expiry", binary);
  const entries = () =>
    [...index.getRange()]
      .filter(({ key }) => key.length > 8)
      .map(({ key, value }): [number, string] => [
        Number(key.readBigInt64BE() / 1_000_000n),
        value.toString(),
      ]);
  return { db, store, entries, clock };
}

const at = (ms: number) => new Date(ms);

it("has an entry for each session, in the order of expiry", async () => {
  const { store, entries } = openStore();
  await store.commit("b", data, at(200));
  await store.commit("c", data, at(100));
  await store.replace("a", undefined, data, at(300));
  expect(entries()).toEqual([
    [100, "c"],
    [200, "b"],
    [300, "a"],
  ]);
});

it("keeps the entry of an extended session until the cleanup reaches it", async () => {
  const { store, entries, clock } = openStore();
  await store.commit("a", data, at(100));
  await store.commit("a", data, at(200));
  await store.touch("a", at(300));
  await store.replace("a", data, data, at(400));
  expect(entries()).toEqual([[100, "a"]]);
  clock.now = 100;
  expect(await store.deleteExpired()).toBe(0);
  expect(entries()).toEqual([[400, "a"]]);
  clock.now = 400;
  expect(await store.deleteExpired()).toBe(1);
  expect(entries()).toEqual([]);
});

it("keeps a session that was extended by a millisecond", async () => {
  const { store, clock } = openStore();
  await store.commit("a", data, at(100));
  await store.touch("a", at(101));
  clock.now = 100;
  expect(await store.deleteExpired()).toBe(0);
  expect(await store.find("a")).toBeDefined();
});

it("adds an earlier entry for a shortened session, and drops the later one when it is due", async () => {
  const { store, entries, clock } = openStore();
  await store.commit("a", data, at(300));
  await store.touch("a", at(100));
  expect(entries()).toEqual([
    [100, "a"],
    [300, "a"],
  ]);
  clock.now = 100;
  expect(await store.deleteExpired()).toBe(1);
  clock.now = 300;
  expect(await store.deleteExpired()).toBe(0);
  expect(entries()).toEqual([]);
});

it("drops the entry of a deleted session when it is due", async () => {
  const { store, entries, clock } = openStore();
  await store.commit("a", data, at(100));
  await store.delete("a");
  await store.commit("b", data, at(100));
  await store.commit("b", data, at(0)); // already expired
  expect(entries()).toHaveLength(2);
  clock.now = 100;
  expect(await store.deleteExpired()).toBe(0);
  expect(entries()).toEqual([]);
});

it("merges several entries of a session when it moves them", async () => {
  const { store, entries, clock } = openStore();
  for (let n = 0; n < 5; n++) {
    await store.commit("a", data, at(50));
    await store.delete("a");
  }
  await store.commit("a", data, at(100));
  expect(entries()).toHaveLength(6);
  clock.now = 50;
  expect(await store.deleteExpired()).toBe(0);
  expect(entries()).toHaveLength(2); // the entry of the last commit, and the merged one
  await store.touch("a", at(200));
  clock.now = 100;
  expect(await store.deleteExpired()).toBe(0);
  expect(entries()).toEqual([[200, "a"]]);
  clock.now = 200;
  expect(await store.deleteExpired()).toBe(1);
  expect(entries()).toEqual([]);
});

it("is rebuilt if it is missing, including sessions written meanwhile", async () => {
  const { db, store, entries, clock } = openStore();
  for (let n = 0; n < 500; n++) await store.commit(`t${n}`, data, at(100 + n));
  await store[Symbol.asyncDispose]();
  await db.openDB("scs:session:expiry", binary).drop();
  const again = new BoltStore(db, { cleanupIntervalMs: 0, now: () => clock.now });
  onTestFinished(() => again[Symbol.asyncDispose]());
  expect(entries()).toEqual([]);
  const cleaning = again.deleteExpired();
  await Promise.all([
    again.commit("t7", data, at(5000)),
    again.commit("new", data, at(50)),
    again.delete("t8"),
  ]);
  expect(await cleaning).toBe(0);
  clock.now = 50;
  expect(await again.deleteExpired()).toBe(1);
  clock.now = 1000;
  expect(await again.deleteExpired()).toBe(498);
  expect([...(await again.all()).keys()]).toEqual(["t7"]);
});

it("handles large sessions like small ones", async () => {
  const { store, entries, clock } = openStore();
  const large = new Uint8Array(3_000_000).fill(5);
  await store.commit("a", large, at(100));
  await store.touch("a", at(200));
  clock.now = 100;
  expect(await store.deleteExpired()).toBe(0);
  expect(entries()).toEqual([[200, "a"]]);
  const found = await store.find("a");
  expect(Buffer.compare(found?.data ?? data, large)).toBe(0);
  expect(await store.replace("a", large, large.subarray(1), at(300))).toBe(true);
  clock.now = 300;
  expect(await store.deleteExpired()).toBe(1);
});

it("ends a cleanup on disposal between two slices, with a correct count", async () => {
  const { db, store, entries, clock } = openStore();
  await Promise.all(Array.from({ length: 1000 }, (_, n) => store.commit(`t${n}`, data, at(1))));
  clock.now = 1;
  let time = 0;
  const slow = vi.spyOn(performance, "now").mockImplementation(() => time++);
  onTestFinished(() => slow.mockRestore());
  const cleaning = store.deleteExpired();
  await store[Symbol.asyncDispose]();
  const removed = await cleaning;
  expect(removed).toBeLessThan(1000);
  expect(entries()).toHaveLength(1000 - removed);
  expect(db.openDB("scs:session", binary).getCount()).toBe(1000 - removed);
});

it("reports no error when disposal meets a background cleanup", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const { db } = openStore();
  const onError = vi.fn();
  const store = new BoltStore(db, { cleanupIntervalMs: 1000, onError });
  await store.deleteExpired(); // waits for the work begun at construction
  const writing = store.commit("a", data, at(Date.now() + 60_000));
  vi.advanceTimersByTime(1200); // the cleanup waits for the write
  await store[Symbol.asyncDispose]();
  await writing;
  expect(onError).not.toHaveBeenCalled();
});

it("takes no write lock for a cleanup that finds nothing", async () => {
  const { db, store } = openStore();
  await store.commit("a", data, at(100));
  await store.deleteExpired();
  const transaction = vi.spyOn(db, "childTransaction");
  expect(await store.deleteExpired()).toBe(0);
  expect(transaction).not.toHaveBeenCalled();
});

it("removes expired sessions every minute by default", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const { db } = openStore();
  await vi.advanceTimersByTimeAsync(10); // the driver's timers
  const store = new BoltStore(db, { now: () => 0 });
  const deleteExpired = vi.spyOn(store, "deleteExpired");
  await vi.advanceTimersByTimeAsync(59_900);
  expect(deleteExpired).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(6_200);
  expect(deleteExpired).toHaveBeenCalledTimes(1);
  await store[Symbol.asyncDispose]();
});
