import { copyFileSync, readdirSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { SqlStore } from "../src/index.js";
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
const lost = { code: "UNAVAILABLE", message: expect.stringContaining("was removed or replaced") };

const losses: Record<string, (path: string) => void> = {
  removed: (path) => {
    for (const name of readdirSync(dirname(path))) rmSync(join(dirname(path), name));
  },
  "replaced by a copy": (path) => {
    copyFileSync(path, `${path}.copy`);
    renameSync(`${path}.copy`, path);
  },
};

describe.each(drivers)("%s, when its file", (driver) => {
  for (const [what, lose] of Object.entries(losses)) {
    it(`is ${what}: the store rejects writes, and then every call`, async () => {
      const path = newPath();
      const { store } = await openStore(path, { driver });
      await store.commit("t", one, soon());
      lose(path);
      await expect(store.replace("u", undefined, one, soon())).rejects.toMatchObject(lost);
      for (const call of [
        store.commit("v", one, soon()),
        store.touch("t", soon()),
        store.delete("t"),
        store.find("t"),
        store.all(),
        store.entries().next(),
        store.deleteExpired(),
      ])
        await expect(call).rejects.toMatchObject(lost);
    });
  }

  it("is removed under a handle of the app: the store rejects writes", async () => {
    const path = newPath();
    await (await plainDatabase(driver, path)).exec("PRAGMA journal_mode = WAL"); // without a log, SQLite itself notices
    const store = new SqlStore(await appDatabase(driver, path), { cleanupIntervalMs: 0 });
    await store.createTable();
    rmSync(path);
    await expect(store.commit("t", one, soon())).rejects.toMatchObject(lost);
    await store[Symbol.asyncDispose]();
  });

  it("is in memory: nothing happens", async () => {
    const store = new SqlStore(await appDatabase(driver, ":memory:"), { cleanupIntervalMs: 0 });
    await store.createTable();
    await store.commit("t", one, soon());
    expect((await store.find("t"))?.data).toEqual(one);
    await store[Symbol.asyncDispose]();
  });
});
