import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { SqlStore } from "../src/index.js";
import { appDatabase, bytes, drivers, newPath, openStore, plainDatabase } from "./fixtures/databases.js";

const one = bytes("one");

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("cleans up every five minutes by default, until stopped", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const store = new SqlStore(await appDatabase("better-sqlite3", newPath()), { now: () => 5 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  expect(vi.getTimerCount()).toBe(1);
  const deleteExpired = vi.spyOn(store, "deleteExpired").mockResolvedValue(0);
  await vi.advanceTimersByTimeAsync(299_999);
  expect(deleteExpired).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(30_001);
  expect(deleteExpired).toHaveBeenCalledOnce();
  await store.stopCleanup();
  expect(vi.getTimerCount()).toBe(0);
});

it("reports a failed cleanup, and runs the next one", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const codes: string[] = [];
  const db = await appDatabase("better-sqlite3", newPath());
  const store = new SqlStore(db, { cleanupIntervalMs: 1000, onError: ({ code }) => codes.push(code) });
  onTestFinished(() => store[Symbol.asyncDispose]());
  for (const count of [1, 2]) {
    vi.advanceTimersByTime(1100);
    await vi.waitFor(() => expect(codes).toHaveLength(count));
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
  }
  expect(codes).toEqual(["MISSING_TABLE", "MISSING_TABLE"]);
});

describe.each(drivers)("%s", (driver) => {
  it("cleans up in batches, and releases the lock and the event loop in between", async () => {
    let now = 0;
    const path = newPath();
    const { store } = await openStore(path, { driver, now: () => now });
    await Promise.all(
      Array.from({ length: 5000 }, (_, n) => store.commit(`t${n}`, one, new Date(n < 4900 ? 1 : 9))),
    );
    now = 1;
    const plain = await plainDatabase(driver, path);
    const left = async (): Promise<unknown> => (await plain.rows("SELECT count(*) FROM sessions"))[0]?.[0];
    const seen = new Set<unknown>();
    let isDone = false;
    const removing = store.deleteExpired().finally(() => {
      isDone = true;
    });
    while (!isDone) {
      seen.add(await left());
      await plain.exec("BEGIN IMMEDIATE; COMMIT").catch(() => undefined);
      await new Promise(setImmediate);
    }
    expect(await removing).toBe(4900);
    expect(seen.size).toBeGreaterThan(3);
    expect(await left()).toBe(100);
  });

  it("uses large batches even when a commit itself is slow", async () => {
    let now = 0;
    const { store } = await openStore(newPath(), { driver, now: () => now });
    await Promise.all(Array.from({ length: 400 }, (_, n) => store.commit(`t${n}`, one, new Date(1))));
    now = 1;
    let ms = 0;
    const looks = vi.spyOn(performance, "now").mockImplementation(() => (ms += 10));
    expect(await store.deleteExpired()).toBe(400);
    expect(looks.mock.calls.length).toBeLessThan(100); // a few per batch
  });

  it("stops a cleanup on disposal", async () => {
    let now = 0;
    const path = newPath();
    const { store } = await openStore(path, { driver, now: () => now });
    await Promise.all(Array.from({ length: 2000 }, (_, n) => store.commit(`t${n}`, one, new Date(1))));
    now = 1;
    const removing = store.deleteExpired();
    await store[Symbol.asyncDispose]();
    const removed = await removing;
    expect(removed).toBeLessThan(2000);
    const again = await openStore(path, { driver, now: () => now });
    expect(await again.store.deleteExpired()).toBe(2000 - removed);
  });

  it("makes an iteration reject on disposal instead of ending early", async () => {
    const { store } = await openStore(newPath(), { driver, now: () => 0 });
    await Promise.all(Array.from({ length: 2000 }, (_, n) => store.commit(`t${n}`, one, new Date(1))));
    const walk = store.entries();
    await walk.next();
    await store[Symbol.asyncDispose]();
    const rest = (async () => {
      while (!(await walk.next()).done);
    })();
    await expect(rest).rejects.toMatchObject({ code: "CLOSED" });
  });
});
