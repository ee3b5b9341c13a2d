import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { FileStore } from "../src/index.js";
import { createIdentity } from "../src/lock/identity.js";
import { makeDirectory, othersIn, pathOf, tokensOfOneShard } from "./directory.js";
import { FaultyCalls } from "./faulty-calls.js";

const data = new Uint8Array([1, 2, 3]);
const at = (ms: number) => new Date(ms);

function openStore(directory: string, busyTimeoutMs = 60_000) {
  const clock = { now: 0 };
  const store = new FileStore(directory, {
    cleanupIntervalMs: 0,
    durability: "committed",
    now: () => clock.now,
    busyTimeoutMs,
  });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return { store, clock };
}

it("removes temporary files and owner files of dead processes only", async () => {
  const directory = makeDirectory();
  const { store } = openStore(directory);
  await store.commit("t", data, at(1000));
  const { pid } = spawnSync(process.execPath, ["--version"]);
  const alive = createIdentity();
  const dead = alive.replace(/^\d+/, `${pid}`);
  const foreign = alive.replace(/^(\d+-\d+)-\d+/, "$1-1"); // of another container: it may be alive
  const shard = dirname(pathOf(directory, "t"));
  for (const identity of [alive, dead, foreign]) {
    writeFileSync(join(shard, `${identity}-0.tmp`), "");
    writeFileSync(join(directory, `${identity}.owner`), identity);
  }
  writeFileSync(join(shard, "of somebody else.tmp"), "");
  expect(await store.deleteExpired()).toBe(0);
  await store[Symbol.asyncDispose]();
  expect(othersIn(directory).sort()).toEqual(
    [
      ...[alive, foreign].flatMap((identity) => [`${identity}-0.tmp`, `${identity}.owner`]),
      "of somebody else.tmp",
    ].sort(),
  );
  expect((await openStore(directory).store.all()).size).toBe(1);
});

it("removes a file of an unknown process after a day without changes", async () => {
  const directory = makeDirectory();
  const { store } = openStore(directory);
  const foreign = createIdentity().replace(/^(\d+-\d+)-\d+/, "$1-1");
  const file = join(directory, `${foreign}.owner`);
  writeFileSync(file, foreign);
  const time = vi.spyOn(Date, "now");
  onTestFinished(() => time.mockRestore());
  const written = performance.timeOrigin + performance.now();
  time.mockReturnValue(written + 86_000_000);
  await store.deleteExpired();
  expect(existsSync(file)).toBe(true);
  time.mockReturnValue(written + 87_000_000);
  await store.deleteExpired();
  expect(existsSync(file)).toBe(false);
});

it("reads only the header, so that damaged data does not keep a session from expiring", async () => {
  const directory = makeDirectory();
  const { store, clock } = openStore(directory);
  await store.commit("t", data, at(1000));
  const path = pathOf(directory, "t");
  writeFileSync(path, readFileSync(path).subarray(0, 28));
  expect(await store.deleteExpired()).toBe(0);
  clock.now = 1000;
  expect(await store.deleteExpired()).toBe(1);
  expect(existsSync(path)).toBe(false);
});

it("cleans up all other shards if one cannot be cleaned up, and rejects with its error", async () => {
  const directory = makeDirectory();
  const before = openStore(directory).store;
  const tokens = Array.from({ length: 50 }, (_, n) => `t${n}`);
  await Promise.all(tokens.map((token) => before.commit(token, data, at(1000))));
  await before[Symbol.asyncDispose](); // an answer may arrive before the lock is released
  writeFileSync(join(dirname(pathOf(directory, "t7")), "lock"), createIdentity(), { flag: "wx" });
  const { store, clock } = openStore(directory, 500);
  clock.now = 1000;
  await expect(store.deleteExpired()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  const shard = dirname(pathOf(directory, "t7"));
  for (const token of tokens) {
    const path = pathOf(directory, token);
    expect(existsSync(path), token).toBe(dirname(path) === shard);
  }
});

it("keeps a session that is renewed between the check of its header and its removal", async () => {
  const directory = makeDirectory();
  const { store, clock } = openStore(directory);
  const other = openStore(directory).store;
  await store.commit("t", data, at(1000));
  clock.now = 1000;
  const calls = new FaultyCalls();
  let renewing: Promise<void> | undefined;
  const outcome = await calls.during(
    ({ name, args }) => {
      // The first lock is the one for the removal.
      if (name === "link" && String(args[1]).endsWith("lock")) renewing ??= other.commit("t", data, at(5000));
      return undefined;
    },
    async () => {
      const removed = await store.deleteExpired();
      await renewing;
      return removed;
    },
  );
  expect(outcome.status).toBe("fulfilled");
  expect((await store.find("t"))?.expiry).toEqual(at(5000));
});

it("keeps live sessions and sets damaged ones aside when many expire in a shard", async () => {
  const directory = makeDirectory();
  const damaged = vi.fn();
  const clock = { now: 0 };
  const options = { cleanupIntervalMs: 0, durability: "committed", now: () => clock.now } as const;
  await using store = new FileStore(directory, { ...options, onError: damaged });
  const tokens = tokensOfOneShard(directory, 200);
  const shard = dirname(pathOf(directory, "t0"));
  const isLive = (n: number) => n % 5 === 0;
  const isDamaged = (n: number) => n % 20 === 1;
  await Promise.all(tokens.map((token, n) => store.commit(token, data, at(isLive(n) ? 5000 : 1000))));
  for (const [n, token] of tokens.entries())
    if (isDamaged(n)) writeFileSync(pathOf(directory, token), "scsf");
  clock.now = 1000;
  expect(await store.deleteExpired()).toBe(150);
  expect(damaged).toHaveBeenCalledTimes(10);
  for (const [n, token] of tokens.entries()) {
    expect(existsSync(pathOf(directory, token)), `${n}`).toBe(isLive(n));
    expect((await store.find(token))?.expiry, `${n}`).toEqual(isLive(n) ? at(5000) : undefined);
  }
  expect(othersIn(shard).filter((name) => name.endsWith(".damaged"))).toHaveLength(10);
});

it("stops a cleanup on disposal", async () => {
  const directory = makeDirectory();
  const { store, clock } = openStore(directory);
  await Promise.all(Array.from({ length: 300 }, (_, n) => store.commit(`t${n}`, data, at(1000))));
  clock.now = 1000;
  const cleaning = store.deleteExpired();
  await store[Symbol.asyncDispose]();
  expect(await cleaning).toBeLessThan(300);
});

it("removes expired sessions every minute by default", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const store = new FileStore(makeDirectory(), { now: () => 0 });
  const deleteExpired = vi.spyOn(store, "deleteExpired").mockResolvedValue(0);
  await vi.advanceTimersByTimeAsync(59_999);
  expect(deleteExpired).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(6_001);
  expect(deleteExpired).toHaveBeenCalledTimes(1);
  await store[Symbol.asyncDispose]();
});
