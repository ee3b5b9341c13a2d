import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { StoreInProcess } from "@scs/testkit";
import { expect, it, onTestFinished, vi } from "vitest";
import { FileStore } from "../src/index.js";
import { createIdentity, judge } from "../src/lock/identity.js";
import { ShardLock } from "../src/lock/shard-lock.js";
import { makeDirectory, othersIn, pathOf } from "./directory.js";

const module = new URL("./open.js", import.meta.url);
const data = new Uint8Array([1, 2, 3]);
const expiry = new Date(Date.now() + 3_600_000);

/** Returns the identity of a dead process. */
function deadIdentity(): string {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  return createIdentity().replace(/^\d+/, `${pid}`);
}

/** Returns the identity of a process in another PID namespace. */
const foreignIdentity = () => createIdentity().replace(/^(\d+-\d+)-\d+/, "$1-1");

function openStore(directory: string, busyTimeoutMs = 5000): FileStore {
  const store = new FileStore(directory, { cleanupIntervalMs: 0, durability: "committed", busyTimeoutMs });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

/** Uses a store and disposes of it, because an answer may arrive before the lock is released. */
async function withStore(directory: string, work: (store: FileStore) => Promise<unknown>): Promise<void> {
  const store = openStore(directory);
  await work(store);
  await store[Symbol.asyncDispose]();
}

function plantLock(directory: string, token: string, content: string, name = "lock"): string {
  const shard = dirname(pathOf(directory, token));
  mkdirSync(shard, { recursive: true });
  writeFileSync(join(shard, name), content, { flag: "wx" });
  return join(shard, name);
}

function createLock(directory: string, identity: string = createIdentity()): ShardLock {
  const file = join(directory, `${identity}.owner`);
  writeFileSync(file, identity);
  return new ShardLock(identity, file);
}

it("judges a process as dead when it has ended, or when the system was restarted", () => {
  const own = createIdentity();
  expect(judge(own)).toBe("alive");
  expect(judge(deadIdentity())).toBe("dead");
  expect(judge(own.replace(/^(\d+)-\d+/, "$1-12"))).toBe("dead"); // its ID was reused by another process
  expect(judge(own.replace(/-[0-9a-f]+(-[0-9a-f]+)$/, "-abc$1"))).toBe("dead");
  expect(judge(foreignIdentity())).toBe("unknown");
  expect(judge("")).toBe("unknown");
});

it("takes over the lock of a dead process, and removes all its files", async () => {
  const directory = makeDirectory();
  await withStore(directory, (store) => store.commit("t", data, expiry));
  plantLock(directory, "t", deadIdentity());
  await withStore(directory, async (store) => {
    expect(await store.replace("t", data, new Uint8Array([4]), expiry)).toBe(true);
  });
  plantLock(directory, "t", deadIdentity());
  await withStore(directory, (store) => store.delete("t"));
  expect(othersIn(directory)).toEqual([]);
});

it("follows a chain of dead processes to its end", async () => {
  const directory = makeDirectory();
  const identities = [deadIdentity(), deadIdentity(), deadIdentity()];
  const shard = join(directory, "ab");
  mkdirSync(shard);
  writeFileSync(join(shard, "lock"), identities[0] as string);
  // Each process takes over from the one before, and dies.
  for (const identity of identities.slice(1))
    expect(await createLock(directory, identity).take(shard)).toBeDefined();
  expect(readdirSync(shard)).toHaveLength(3);
  const [one, other] = [createLock(directory), createLock(directory)];
  const names = await one.take(shard);
  expect(names).toHaveLength(4);
  expect(await other.take(shard)).toBeUndefined();
  await one.give(names as string[]);
  expect(readdirSync(shard)).toEqual([]);
  expect(await other.take(shard)).toEqual([join(shard, "lock")]);
});

it("grants a lock, stale or not, to one of many contenders at a time", async () => {
  const directory = makeDirectory();
  const shard = join(directory, "ab");
  mkdirSync(shard);
  const dead = Array.from({ length: 3 }, deadIdentity);
  const locks = Array.from({ length: 8 }, () => createLock(directory));
  let holders = 0;
  let taken = 0;
  let planted = 0;
  await Promise.all(
    locks.map(async (lock) => {
      for (let round = 0; round < 150; round++) {
        const names = await lock.take(shard);
        if (names === undefined) continue;
        expect(++holders).toBe(1);
        taken++;
        await new Promise(setImmediate);
        holders--;
        await lock.give(names);
        // Some contenders die while they hold the lock, each under its own identity.
        if (taken % 5 === 0) {
          const identity = (dead[taken % 3] as string).replace(
            /.{8}$/,
            (planted++).toString(16).padStart(8, "0"),
          );
          await createLock(directory, identity).take(shard);
        }
      }
    }),
  );
  expect(planted).toBeGreaterThan(5);
  expect(taken).toBeGreaterThan(planted);
});

it("lets one of two processes insert when they race for a stale lock", async () => {
  const directory = makeDirectory();
  const options = { now: Date.now, cleanupIntervalMs: 0, onError: () => undefined };
  const stores = await Promise.all([0, 1].map(() => StoreInProcess.open(module, directory, options)));
  for (const store of stores) onTestFinished(() => store[Symbol.asyncDispose]());
  const dead = deadIdentity();
  for (let round = 0; round < 60; round++) {
    const token = `t${round}`;
    plantLock(directory, token, dead.replace(/.{8}$/, round.toString(16).padStart(8, "0")));
    const tries = stores.flatMap((store, n) =>
      [0, 1].map((m) => store.replace(token, undefined, new Uint8Array([n, m]), expiry)),
    );
    expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
  }
});

it("rejects writes with UNAVAILABLE after busyTimeoutMs if a stopped process holds the lock, while reads continue", async () => {
  const directory = makeDirectory();
  await withStore(directory, (store) => store.commit("t", data, expiry));
  const lock = plantLock(directory, "t", createIdentity());
  const store = openStore(directory, 30);
  const busy = expect.objectContaining({
    name: "StoreError",
    code: "UNAVAILABLE",
    // The first call of the session waits for the lock, the others for the first one, or for the disk.
    message: expect.stringMatching(/kept the lock of a shard for 30 ms|took 30 ms|within 30 ms/),
  });
  const calls = [
    store.commit("t", new Uint8Array(1), expiry),
    store.replace("t", data, new Uint8Array(1), expiry),
    store.touch("t", new Date(0)),
    store.delete("t"),
  ];
  for (const outcome of await Promise.allSettled(calls))
    expect(outcome).toEqual({ status: "rejected", reason: busy });
  const reader = openStore(directory);
  expect(await reader.find("t")).toEqual({ data, expiry });
  expect([...(await reader.all()).keys()]).toEqual(["t"]);
  await store[Symbol.asyncDispose](); // waits for the rest of the calls' work
  expect(existsSync(lock)).toBe(true);
  expect(othersIn(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

it("takes the lock from an unknown process after a minute without activity", async () => {
  let time = 1_000;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => time);
  onTestFinished(() => clock.mockRestore());
  const directory = makeDirectory();
  const shard = join(directory, "ab");
  mkdirSync(shard);
  const foreign = createLock(directory, foreignIdentity());
  const lock = createLock(directory);
  expect(await foreign.take(shard)).toBeDefined();
  expect(await lock.take(shard)).toBeUndefined();
  time += 59_999;
  expect(await lock.take(shard)).toBeUndefined();
  mkdirSync(join(directory, "cd"));
  await foreign.take(join(directory, "cd")); // a sign of life
  time += 1;
  expect(await lock.take(shard)).toBeUndefined();
  time += 60_000;
  expect(await lock.take(shard)).toHaveLength(2);
});

it("takes over abandoned locks in a cleanup, and leaves locks in use", async () => {
  const directory = makeDirectory();
  await withStore(directory, (store) =>
    Promise.all(["a", "b", "c"].map((token) => store.commit(token, data, expiry))),
  );
  const store = openStore(directory);
  const dead = deadIdentity();
  plantLock(directory, "a", dead);
  plantLock(directory, "a", dead, "lock.0123456789abcdef");
  plantLock(directory, "b", dead, "lock.0123456789abcdef");
  const used = plantLock(directory, "c", createIdentity());
  expect(await store.deleteExpired()).toBe(0);
  await store.stopCleanup();
  await store[Symbol.asyncDispose]();
  expect(othersIn(directory)).toEqual(["lock"]);
  expect(existsSync(used)).toBe(true);
});
