import { StoreInProcess } from "@scs/testkit";
import { describe, expect, it, onTestFinished } from "vitest";
import { SqlStore } from "../src/index.js";
import {
  appDatabase,
  bytes,
  drivers,
  moduleOf,
  newPath,
  openStore,
  plainDatabase,
  soon,
  sqliteError,
  text,
} from "./fixtures/databases.js";

const one = bytes("one");

describe.each(drivers)("%s", (driver) => {
  it("lets a write wait for the lock of another connection, while finds continue", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver });
    await store.commit("t", one, soon());
    const other = await plainDatabase(driver, path);
    await other.exec("BEGIN IMMEDIATE; INSERT INTO sessions VALUES ('other', x'00', julianday('now') + 1)");
    let settled = false;
    const writing = store.commit("t", bytes("two"), soon()).finally(() => {
      settled = true;
    });
    const after = store.find("t");
    for (let n = 0; n < 3; n++) expect(await store.find("other")).toBeUndefined();
    expect(settled).toBe(false);
    await other.exec("COMMIT");
    await writing;
    expect(text((await after)?.data)).toBe("two");
    expect(await store.find("other")).toBeDefined();
  });

  it("rejects a write with UNAVAILABLE after busyTimeoutMs, and continues to work", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver, busyTimeoutMs: 20 });
    await store.commit("t", one, soon());
    const other = await plainDatabase(driver, path);
    await other.exec("BEGIN IMMEDIATE");
    const calls = [
      store.commit("t", bytes("two"), soon()),
      store.commit("new", one, soon()),
      store.touch("touched", soon()),
      store.deleteExpired(),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({
        reason: {
          code: "UNAVAILABLE",
          message: expect.stringMatching(/^sqlstore: the database was locked for longer than busyTimeoutMs/),
          cause: sqliteError("BUSY"),
        },
      });
    }
    expect(text((await store.find("t"))?.data)).toBe("one");
    await other.exec("ROLLBACK");
    await store.commit("t", bytes("two"), soon());
    expect(text((await store.find("t"))?.data)).toBe("two");
  });

  it("does not fail with SQLITE_BUSY when two processes write at full speed", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver });
    const options = { now: Date.now, cleanupIntervalMs: 0, onError: () => undefined };
    const other = await StoreInProcess.open(moduleOf(driver), path, options);
    onTestFinished(() => other[Symbol.asyncDispose]());
    await Promise.all(
      [store, other].map(async (client, index) => {
        for (let n = 0; n < 50; n++) {
          await client.commit(`alone${index}-${n}`, one, soon());
          await Promise.all(
            Array.from({ length: 20 }, (_, i) => client.commit(`t${index}-${n}-${i}`, one, soon())),
          );
        }
      }),
    );
    expect((await store.all()).size).toBe(2 * 50 * 21);
  });

  it("lets several processes open a new file at the same time", async () => {
    const path = newPath();
    const stores = await Promise.all(Array.from({ length: 8 }, () => openStore(path, { driver })));
    await Promise.all(stores.map(({ store }, n) => store.commit(`t${n}`, one, soon())));
    expect((await stores[0]?.store.all())?.size).toBe(8);
  });

  it("lets reads wait as well if the app's file has no WAL", async () => {
    const path = newPath();
    const db = await appDatabase(driver, path);
    const store = new SqlStore(db, { cleanupIntervalMs: 0 });
    onTestFinished(() => store[Symbol.asyncDispose]());
    await store.createTable();
    await store.commit("t", one, soon());
    const other = await plainDatabase(driver, path);
    await other.exec("BEGIN EXCLUSIVE");
    const finding = store.find("t");
    const walking = store.all();
    setImmediate(() => void other.exec("COMMIT"));
    expect(await finding).toBeDefined();
    expect((await walking).size).toBe(1);
  });
});
