import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { open } from "lmdb";
import { expect, it, onTestFinished } from "vitest";
import { BoltStore, openBoltStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

const data = new Uint8Array([1, 2, 3]);
const expiry = new Date(4_000_000_000_000);
const options = { cleanupIntervalMs: 0 };
const lost = { code: "UNAVAILABLE", message: expect.stringContaining("was removed or replaced") };

for (const durability of ["flushed", "committed"] as const) {
  for (const removed of [["file"], ["file-lock"], ["file", "file-lock"]]) {
    it(`${durability}: a store whose ${removed.join(" and ")} is removed fails its writes, and then its reads`, async () => {
      const directory = join(makeDirectory(), "sessions");
      mkdirSync(directory);
      const path = join(directory, "file");
      const store = await openBoltStore(path, { ...options, durability });
      await store.commit("t", data, expiry);
      for (const name of removed) rmSync(join(directory, name));
      const other = removed.length === 2 ? await openBoltStore(path, options) : undefined;
      await other?.commit("u", data, expiry);
      await expect(store.commit("v", data, expiry)).rejects.toMatchObject(lost);
      for (const call of [
        store.delete("t"),
        store.find("t"),
        store.all(),
        store.entries().next(),
        store.replace("t", data, data, expiry),
      ])
        await expect(call).rejects.toMatchObject(lost);
      await store[Symbol.asyncDispose]();
      expect([...((await other?.all())?.keys() ?? ["u"])]).toEqual(["u"]);
      await other?.[Symbol.asyncDispose]();
    });
  }
}

it("does so on a handle of the app, whose files are in a directory", async () => {
  const directory = join(makeDirectory(), "sessions");
  const db = open({ path: directory });
  onTestFinished(() => db.close());
  const store = new BoltStore(db, options);
  await store.commit("t", data, expiry);
  rmSync(directory, { recursive: true });
  await expect(store.commit("v", data, expiry)).rejects.toMatchObject(lost);
  await store[Symbol.asyncDispose]();
});

it("keeps the file of a relative path when the app changes its working directory", async () => {
  const directory = makeDirectory();
  const cwd = process.cwd();
  onTestFinished(() => process.chdir(cwd));
  process.chdir(directory);
  const store = await openBoltStore("file", options);
  process.chdir(cwd);
  await store.commit("t", data, expiry);
  expect((await store.find("t"))?.data).toEqual(data);
  await store[Symbol.asyncDispose]();
});
