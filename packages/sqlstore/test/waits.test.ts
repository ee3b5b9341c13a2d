import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, it, vi } from "vitest";
import { openSqlStore, SqlStore } from "../src/index.js";
import {
  appDatabase,
  bytes,
  drivers,
  newPath,
  openStore,
  plainDatabase,
  soon,
} from "./fixtures/databases.js";

const one = bytes("one");
const run = promisify(execFile);

afterEach(() => {
  vi.useRealTimers();
});

describe.each(drivers)("%s, while another connection holds the lock,", (driver) => {
  it("ends each of thousands of writes at its own timeout", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver, busyTimeoutMs: 300 });
    const plain = await plainDatabase(driver, path);
    await plain.exec("BEGIN IMMEDIATE");
    const began = performance.now();
    const calls = Array.from({ length: 3000 }, (_, n) => store.commit(`t${n}`, one, soon()));
    const outcomes = await Promise.allSettled([...calls, store.deleteExpired()]);
    expect(performance.now() - began).toBeLessThan(3500); // batch after batch, 300 ms each, would take 7 s
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({
        reason: {
          code: "UNAVAILABLE",
          message: expect.stringMatching(/locked for longer than busyTimeoutMs/),
        },
      });
    await plain.exec("ROLLBACK");
    expect((await store.all()).size).toBe(0); // rejected writes are not made later
    await store.commit("t", one, soon());
  });

  it("gives a later call a timeout of its own", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver, busyTimeoutMs: 200 });
    const plain = await plainDatabase(driver, path);
    await plain.exec("BEGIN IMMEDIATE");
    const first = store.commit("first", one, soon()).then(
      () => "written",
      () => performance.now(),
    );
    await new Promise((resolve) => setTimeout(resolve, 100));
    const began = performance.now();
    const second = store.commit("second", one, soon());
    await expect(second).rejects.toMatchObject({ code: "UNAVAILABLE" });
    expect(performance.now() - began).toBeGreaterThan(195);
    expect(await first).not.toBe("written");
    await plain.exec("ROLLBACK");
  });

  it("refuses more data than the queue holds at once, with an explanation", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver, busyTimeoutMs: 60_000 }); // a busy machine writes slowly
    const plain = await plainDatabase(driver, path);
    await plain.exec("BEGIN IMMEDIATE");
    const large = new Uint8Array(2 ** 20);
    const calls = Array.from({ length: 140 }, (_, n) => store.commit(`t${n}`, large, soon()));
    const ended = Promise.allSettled(calls); // some before the 130th may be refused as well
    const refused = calls.slice(130).map((call) =>
      expect(call).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringMatching(/its limit/),
      }),
    );
    await Promise.all(refused);
    await plain.exec("ROLLBACK");
    const settled = await ended;
    const written = settled.filter(({ status }) => status === "fulfilled").length;
    expect(written).toBeGreaterThan(100);
    expect((await store.all()).size).toBe(written);
  });

  it("makes disposal wait for the waiting write", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver });
    const plain = await plainDatabase(driver, path);
    await plain.exec("BEGIN IMMEDIATE");
    const writing = store.commit("t", one, soon());
    const disposing = store[Symbol.asyncDispose]();
    setImmediate(() => void plain.exec("ROLLBACK"));
    await Promise.all([writing, disposing]);
    expect(await plain.rows("SELECT token FROM sessions")).toEqual([["t"]]);
  });
});

describe.each(drivers)("%s, under fake timers,", (driver) => {
  it("answers every call", { timeout: 180_000 }, async () => {
    const script = fileURLToPath(new URL("./fixtures/faked-globals.js", import.meta.url));
    const { code } = await run(process.execPath, [script, driver, newPath()], { timeout: 120_000 }).then(
      () => ({ code: 0 }),
      (error: { code: unknown }) => error,
    );
    expect(code).toBe(0);
  });

  it("follows a clock that is set after construction", async () => {
    const { store } = await openStore(newPath(), { driver });
    await store.commit("t", one, soon(60_000));
    vi.setSystemTime(Date.now() + 61_000);
    expect(await store.find("t")).toBeUndefined();
    expect(await store.touch("t", soon())).toBe(false);
    expect(await store.deleteExpired()).toBe(1);
    await store.commit("t", one, soon(1000));
    vi.setSystemTime(Date.now() - 3_600_000);
    expect(await store.find("t")).toBeDefined();
  });
});

it("refuses unknown options, and says what to write", async () => {
  const db = await appDatabase("better-sqlite3", newPath());
  const open = (options: object) => () => new SqlStore(db, options);
  expect(open({ tableName: "s" })).toThrow('sqlstore: there is no option "tableName"; write table');
  expect(open({ busyTimeout: 5 })).toThrow("did you mean busyTimeoutMs?");
  expect(open({ durability: "flushed" })).toThrow('there is no option "durability"');
  expect(open({ ttl: 60 })).toThrow(/lifetimeMs/);
  await expect(openSqlStore(newPath(), { filename: "x" } as object)).rejects.toThrow(
    /path as the first argument/,
  );
  await expect(openSqlStore(newPath(), { dir: "x" } as object)).rejects.toThrow(TypeError);
});
