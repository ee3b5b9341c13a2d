import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { smallDisk } from "../../../test/small-disk.js";
import { FileStore } from "../src/index.js";
import { makeDirectory, othersIn, pathOf } from "./directory.js";

const data = new Uint8Array(300).fill(7);
const expiry = new Date(Date.now() + 3_600_000);

function openStore(directory: string): FileStore {
  const store = new FileStore(directory, { cleanupIntervalMs: 0 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

it("creates nothing before the first write, then directories and files that only their owner can access", async () => {
  const directory = join(makeDirectory(), "deep", "sessions");
  const store = openStore(directory);
  expect(await store.find("t")).toBeUndefined();
  expect(await store.touch("t", expiry)).toBe(false);
  await store.delete("t");
  expect([(await store.all()).size, await store.deleteExpired()]).toEqual([0, 0]);
  expect(existsSync(dirname(directory))).toBe(false);

  await store.commit("t", data, expiry);
  const path = pathOf(directory, "t");
  for (const made of [dirname(directory), directory, dirname(path)])
    expect(statSync(made).mode & 0o777).toBe(0o700);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  for (const name of readdirSync(directory).filter((name) => name.endsWith(".owner")))
    expect(statSync(join(directory, name)).mode & 0o777).toBe(0o600);
});

it("recreates a directory that was removed while the store is open", async () => {
  const directory = join(makeDirectory(), "sessions");
  const store = openStore(directory);
  await store.commit("t", data, expiry);
  await store.commit("u", data, expiry);
  rmSync(directory, { recursive: true });
  expect(await store.find("t")).toBeUndefined();
  await store.delete("t");
  expect(await store.replace("t", undefined, data, expiry)).toBe(true);
  expect([...(await store.all()).keys()]).toEqual(["t"]);
});

it("rejects each call if the directory cannot exist", async () => {
  const directory = makeDirectory();
  writeFileSync(join(directory, "file"), "");
  for (const path of ["file", "file/below"]) {
    const store = openStore(join(directory, path));
    const calls = [
      store.find("t"),
      store.commit("t", data, expiry),
      store.delete("t"),
      store.touch("t", expiry),
      store.all(),
      store.deleteExpired(),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: {
          code: "UNAVAILABLE",
          message: expect.stringContaining("not a directory"),
          cause: { code: "ENOTDIR" },
        },
      });
    }
  }
});

it("finds sessions on a read-only disk, and explains why writes fail", async (context) => {
  const disk = await smallDisk(1_000_000, context);
  const before = openStore(disk);
  await before.commit("t", data, expiry);
  await before[Symbol.asyncDispose]();
  execFileSync("mount", ["-o", "remount,ro", disk]);
  const store = openStore(disk);
  expect(await store.find("t")).toEqual({ data, expiry });
  expect([...(await store.all()).keys()]).toEqual(["t"]);
  await expect(store.commit("t", data, expiry)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "filestore: the disk is read-only (EROFS)",
  });
  await expect(store.delete("t")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await store[Symbol.asyncDispose]();
});

it("rejects only writes that do not fit on a full disk, and works again when there is space", async (context) => {
  const disk = await smallDisk(2_000_000, context);
  const directory = join(disk, "sessions");
  const store = openStore(directory);
  await store.commit("before", data, expiry);
  await writeFile(join(disk, "ballast"), Buffer.alloc(1_400_000));
  const large = new Uint8Array(800_000);
  const noSpace = {
    code: "UNAVAILABLE",
    message: "filestore: there is no space left on the disk (ENOSPC)",
  };
  await expect(store.commit("large", large, expiry)).rejects.toMatchObject(noSpace);
  await expect(store.replace("before", data, large, expiry)).rejects.toMatchObject(noSpace);
  await store.commit("small", data, expiry);
  for (const token of ["before", "small"]) expect(await store.find(token)).toEqual({ data, expiry });
  expect(othersIn(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  await store.delete("small");

  await rm(join(disk, "ballast"));
  await store.commit("large", large, expiry);
  expect([...(await store.all()).keys()].sort()).toEqual(["before", "large"]);
});

it("writes nothing outside of the directory for tokens that look like paths", async () => {
  const parent = makeDirectory();
  mkdirSync(join(parent, "sessions"));
  const store = openStore(join(parent, "sessions"));
  for (const token of ["../up", "/../../up", "..", "a/b", "C:\\x", "x".repeat(255), "lock", "ab/lock"])
    await store.commit(token, data, expiry);
  expect(readdirSync(parent)).toEqual(["sessions"]);
  const entries = readdirSync(join(parent, "sessions")).filter((name) => !name.endsWith(".owner"));
  for (const shard of entries) {
    expect(shard).toMatch(/^[0-9a-f]{2}$/);
    for (const name of readdirSync(join(parent, "sessions", shard)).filter((name) => name !== "lock"))
      expect(name).toMatch(/^[0-9a-f]{64}\.session$/);
  }
});

it("refuses an option out of range, with the allowed values", () => {
  expect(() => new FileStore("d", { durability: "often" as "flushed" })).toThrow(
    'durability must be "flushed" or "committed", got often',
  );
  for (const busyTimeoutMs of [0, 2 ** 31, 0.5, Number.NaN])
    expect(() => new FileStore("d", { busyTimeoutMs })).toThrow(RangeError);
  for (const directory of ["", "a\0b", undefined as unknown as string])
    expect(() => new FileStore(directory)).toThrow("directory must be the path of a directory");
});
