import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { StoreError } from "@scs/core";
import { expect, it, onTestFinished, vi } from "vitest";
import { isOfOneFile } from "../src/files/file-error.js";
import { FileStore } from "../src/index.js";
import { createIdentity } from "../src/lock/identity.js";
import { makeDirectory, pathOf, tokensOfOneShard } from "./directory.js";
import { type Fault, FaultyCalls } from "./faulty-calls.js";

const data = new Uint8Array([1, 2, 3]);
const at = (ms: number) => new Date(ms);
const isSession = (path: unknown) => String(path).endsWith(".session");

/** Replacements that make a file unreadable for any user, including root. */
const inPlaceOfFile: Record<string, (path: string) => void> = {
  ELOOP: (path) => symlinkSync(basename(path), path),
  EISDIR: (path) => mkdirSync(path),
};

function spoil(path: string, code: string): void {
  rmSync(path);
  inPlaceOfFile[code]?.(path);
}

function openStore(directory: string, busyTimeoutMs = 60_000) {
  const clock = { now: 0 };
  const told = vi.fn<(error: StoreError) => void>();
  const store = new FileStore(directory, {
    cleanupIntervalMs: 0,
    durability: "committed",
    now: () => clock.now,
    busyTimeoutMs,
    onError: told,
  });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return { store, clock, told };
}

async function commitAll(store: FileStore, tokens: string[], expiry = at(1000)): Promise<void> {
  await Promise.all(tokens.map((token) => store.commit(token, data, expiry)));
}

/** A cleanup reads files on the event loop, or in threads once a read takes long. */
function lookTakes(ms: number): void {
  let time = 0;
  const now = vi.spyOn(performance, "now").mockImplementation(() => (time += ms));
  onTestFinished(() => now.mockRestore());
}

for (const code of Object.keys(inPlaceOfFile)) {
  const cause = { code };

  for (const disk of ["fast", "slow"]) {
    it(`an unreadable file does not prevent the removal of others, and is reported (${code}, a ${disk} disk)`, async () => {
      const directory = makeDirectory();
      const { store, clock } = openStore(directory);
      const tokens = tokensOfOneShard(directory, 201);
      const live = tokens.pop() as string;
      const bad = pathOf(directory, tokens[77] as string);
      await commitAll(store, tokens);
      await store.commit(live, data, at(5000));
      spoil(bad, code);
      clock.now = 1000;
      lookTakes(disk === "slow" ? 1 : 0);
      const left = [bad, pathOf(directory, live)].map((path) => basename(path)).sort();
      for (let times = 0; times < 2; times++) {
        await expect(store.deleteExpired()).rejects.toMatchObject({ code: "UNAVAILABLE", cause });
        expect(readdirSync(dirname(bad)).filter(isSession).sort()).toEqual(left);
      }
      expect(await store.find(live)).toEqual({ data, expiry: at(5000) });
    });
  }

  it(`entries and all skip an unreadable file, and report it (${code})`, async () => {
    const directory = makeDirectory();
    const { store, told } = openStore(directory);
    const tokens = tokensOfOneShard(directory, 100);
    const others = ["a", "b", "c"];
    await commitAll(store, [...tokens, ...others]);
    const bad = tokens.pop() as string;
    spoil(pathOf(directory, bad), code);
    const readable = [...tokens, ...others].sort();
    expect([...(await store.all()).keys()].sort()).toEqual(readable);
    expect(told.mock.calls).toMatchObject([[{ name: "StoreError", code: "CORRUPT", cause }]]);
    const met: string[] = [];
    for await (const { token } of store.entries()) met.push(token);
    expect(met.sort()).toEqual(readable);
    expect(told).toHaveBeenCalledTimes(2);
    await expect(store.find(bad)).rejects.toMatchObject({ code: "UNAVAILABLE", cause });
    expect(told).toHaveBeenCalledTimes(2); // once per call
  });
}

it("removes everything else if an abandoned file cannot be removed", async () => {
  const directory = makeDirectory();
  const before = openStore(directory).store;
  await before.commit("t", data, at(1000));
  await before.commit("live", data, at(5000));
  await before[Symbol.asyncDispose](); // an answer may arrive before the lock is released
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const dead = createIdentity().replace(/^\d+/, `${pid}`);
  const shard = dirname(pathOf(directory, "live"));
  mkdirSync(join(directory, `${dead}.owner`));
  mkdirSync(join(shard, `${dead}-0.tmp`));
  writeFileSync(join(shard, "lock"), dead);
  const { store, clock } = openStore(directory);
  clock.now = 1000;
  await expect(store.deleteExpired()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await store[Symbol.asyncDispose](); // releases the lock as well
  expect(existsSync(pathOf(directory, "t"))).toBe(false);
  expect(existsSync(pathOf(directory, "live"))).toBe(true);
  expect(existsSync(join(shard, "lock"))).toBe(false);
});

it.each(["EIO", "EMFILE"])(
  "removals in flight hold the lock when a file fails with %s, so that a later renewal stays",
  async (code) => {
    const directory = makeDirectory();
    const { store, clock } = openStore(directory);
    const impatient = openStore(directory, 30).store;
    const other = openStore(directory).store;
    const tokens = tokensOfOneShard(directory, 10);
    await commitAll(store, tokens);
    await store[Symbol.asyncDispose](); // until the lock is released
    const cleaner = openStore(directory);
    cleaner.clock.now = clock.now = 1000;
    const calls = new FaultyCalls();
    const paused = withResolvers();
    const goOn = withResolvers();
    let isLocked = false;
    let looks = 0;
    let renewed = "";
    const fault: Fault = ({ name, args: [path, link] }) => {
      if (name === "link") isLocked ||= String(link).endsWith("lock");
      if (!isSession(path)) return undefined;
      if (name === "openSync" && isLocked && ++looks === 3) return code; // after two removals have begun
      if (name !== "unlink") return undefined;
      renewed ||= tokens.find((token) => pathOf(directory, token) === path) as string;
      paused.resolve();
      return goOn.promise;
    };
    const outcome = await calls.during(fault, async () => {
      const cleaning = Promise.allSettled([cleaner.store.deleteExpired()]);
      await paused.promise;
      const renewing = await Promise.allSettled([impatient.commit(renewed, data, at(5000))]);
      goOn.resolve();
      const [cleaned] = await cleaning;
      return { renewing, cleaned };
    });
    expect(outcome).toMatchObject({
      value: {
        renewing: [{ status: "rejected", reason: { code: "UNAVAILABLE" } }], // another process keeps the lock
        cleaned: { status: "rejected", reason: { code: "UNAVAILABLE", cause: { code } } },
      },
    });
    await cleaner.store[Symbol.asyncDispose]();
    await other.commit(renewed, data, at(5000));
    expect(await other.find(renewed)).toEqual({ data, expiry: at(5000) });
    const left = tokens.filter((token) => existsSync(pathOf(directory, token)));
    expect(left).toHaveLength(code === "EIO" ? 2 : 9); // the renewed session, and the unreadable files
  },
);

it("stops the cleanup of a shard at an error that concerns several files, and reports that error", async () => {
  const directory = makeDirectory();
  const { store, clock } = openStore(directory);
  await commitAll(store, tokensOfOneShard(directory, 20));
  clock.now = 1000;
  lookTakes(0);
  let looks = 0;
  const fault: Fault = ({ name, args: [path] }) =>
    name === "openSync" && isSession(path) ? ["EIO", "EMFILE"][looks++] : undefined;
  const outcome = await new FaultyCalls().during(fault, () => store.deleteExpired());
  expect(outcome).toMatchObject({ reason: { code: "UNAVAILABLE", cause: { code: "EMFILE" } } });
  expect(looks).toBe(2);
});

it.each(["EMFILE", "ENFILE", "ENOTDIR"])(
  "entries rejects with an error of more than one file, %s, even after skipped files",
  async (code) => {
    const directory = makeDirectory();
    const { store, told } = openStore(directory);
    await commitAll(store, tokensOfOneShard(directory, 20));
    let reads = 0;
    const fault: Fault = ({ name, args: [path] }) => {
      if (name !== "open" || !isSession(path)) return undefined;
      return ["EIO", undefined, "EACCES", code][reads++];
    };
    const outcome = await new FaultyCalls().during(fault, () => store.all());
    expect(outcome).toMatchObject({ reason: { code: "UNAVAILABLE", cause: { code } } });
    expect(told.mock.calls).toMatchObject([[{ cause: { code: "EIO" } }], [{ cause: { code: "EACCES" } }]]);
  },
);

it("distinguishes a store without a readable file from an empty one", async () => {
  const directory = makeDirectory();
  const { store, clock, told } = openStore(directory);
  await commitAll(store, ["a", "b"], at(5000));
  for (const token of ["a", "b"]) spoil(pathOf(directory, token), "ELOOP");
  await expect(store.all()).rejects.toMatchObject({ code: "UNAVAILABLE", cause: { code: "ELOOP" } });
  expect(told).toHaveBeenCalledTimes(2);
  await store.commit("c", data, at(1000));
  clock.now = 1000;
  expect(await store.all()).toEqual(new Map());
  expect(told).toHaveBeenCalledTimes(4);
});

it("replaces an unreadable file by a commit", async () => {
  const directory = makeDirectory();
  const { store, told } = openStore(directory);
  await commitAll(store, ["a", "b"]);
  spoil(pathOf(directory, "a"), "ELOOP");
  expect((await store.all()).size).toBe(1);
  await store.commit("a", data, at(1000));
  expect((await store.all()).size).toBe(2);
  expect(told).toHaveBeenCalledTimes(1);
});

it("treats errors without a name in Node.js, such as of a damaged inode, as errors of one file", () => {
  const failure = (code: string) => Object.assign(new Error(), { code });
  for (const code of ["Unknown system error -117", "UNKNOWN", "EIO", "EACCES"])
    expect(isOfOneFile(failure(code)), code).toBe(true);
  for (const code of ["EMFILE", "ENFILE", "ENOMEM", "ENOTDIR", "ENODEV", "ESTALE"])
    expect(isOfOneFile(failure(code)), code).toBe(false);
  expect(isOfOneFile(new Error())).toBe(false);
});

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
