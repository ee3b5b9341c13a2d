import {
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statfsSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { StoreError } from "@scs/core";
import { pause } from "@scs/core/kit";
import { describe, expect, it, onTestFinished } from "vitest";
import { smallDisk } from "../../../test/small-disk.js";
import { type HybridStore, type HybridStoreOptions, openHybridStore } from "../src/index.js";
import { type Files, systemFiles } from "../src/log/files.js";
import { listFiles } from "../src/log/recovery.js";
import { openWith } from "../src/open.js";
import { makeDirectory } from "./directory.js";
import { type Faults, FaultyFiles } from "./faulty-files.js";
import { signal } from "./signal.js";
import { show, stateOf } from "./state.js";

const expiry = new Date(4_000_000_000_000);
const later = new Date(4_000_000_001_000);
const unavailable = {
  name: "StoreError",
  code: "UNAVAILABLE",
  message: expect.stringMatching(/^hybridstore: /),
};

/** Tracks the expected content of a store by the answers. */
class Model {
  readonly state: Map<string, string> = new Map();
  refused = 0;

  /** Makes a call and, if it succeeds, applies it to the expected content. */
  async try(call: Promise<unknown>, token: string, after: string | undefined): Promise<void> {
    try {
      if ((await call) === false) return;
    } catch (error) {
      expect(error).toMatchObject(unavailable);
      this.refused++;
      return;
    }
    if (after === undefined) this.state.delete(token);
    else this.state.set(token, after);
  }
}

/** Uses all methods of a store, with two snapshots. */
async function use(store: HybridStore, faulty: FaultyFiles, model: Model): Promise<void> {
  const data = (text: string) => Buffer.from(text);
  for (let round = 0; round < 6 || (round < 40 && !faulty.hasCalled("unlink", "log-2")); round++) {
    const text = `round ${round} `.repeat(1 + (round % 3) * 20);
    await Promise.all([
      model.try(store.commit("a", data(text), expiry), "a", show(data(text), expiry)),
      model.try(store.commit(`t${round % 5}`, data(text), later), `t${round % 5}`, show(data(text), later)),
      model.try(store.commit(`new ${round}`, data(""), later), `new ${round}`, show(data(""), later)),
      model.try(store.delete(`new ${round - 2}`), `new ${round - 2}`, undefined),
    ]);
    const touched = model.state.get("a")?.split(" until ")[0];
    await model.try(store.touch("a", later), "a", `${touched} until ${later.getTime()}`);
    const found = await store.find("a");
    expect(found && show(found.data, found.expiry)).toBe(model.state.get("a"));
  }
}

async function survive(faults: Faults, options: HybridStoreOptions): Promise<FaultyFiles> {
  const directory = makeDirectory();
  const faulty = new FaultyFiles(faults);
  const model = new Model();
  const errors: StoreError[] = [];
  const given = { cleanupIntervalMs: 0, snapshotRatio: 0.01, minLogBytes: 2000, ...options };
  const onError = (error: StoreError) => void errors.push(error);
  try {
    const store = await openWith(faulty.files, directory, { ...given, onError });
    await use(store, faulty, model);
    faulty.faults = undefined;
    await store.commit("z", Buffer.from("at last"), expiry); // the disk works again
    model.state.set("z", show(Buffer.from("at last"), expiry));
    expect(await stateOf(store)).toEqual(model.state);
    await store[Symbol.asyncDispose]();
  } catch (error) {
    if (faulty.faults === undefined) throw error;
    expect(error).toMatchObject(unavailable);
    faulty.faults = undefined;
    // If the lock could not be removed either, it stays until the process ends.
    for (const name of readdirSync(directory))
      if (name.startsWith("lock.")) unlinkSync(join(directory, name));
  }
  expect(errors.every(({ code }) => code === "UNAVAILABLE")).toBe(true);
  const damage: string[] = [];
  const again = await openHybridStore(directory, {
    ...given,
    onError: ({ message }) => damage.push(message),
  });
  // A failed start may leave an empty log, if it could not be removed either.
  expect(damage.filter((message) => !message.includes("the log ends at byte 0"))).toEqual([]);
  expect(await stateOf(again)).toEqual(model.state);
  await again[Symbol.asyncDispose]();
  return faulty;
}

describe("after a failed call of the file system, each in turn, accepted writes are there and refused ones are not", () => {
  for (const durability of ["flushed", "committed"] as const) {
    for (const [what, faults] of Object.entries<Omit<Faults, "from">>({
      "no space": { code: "ENOSPC", count: 1 },
      "no space, once a part was written": { code: "ENOSPC", count: 1, isShort: true },
      "no space for a while": { code: "ENOSPC", count: 7, isShort: true },
      "an error of the device": { code: "EIO", count: 1, isShort: true },
      "an error of the device for a while": { code: "EIO", count: 4, isShort: true },
    })) {
      // Only flushes differ between the durabilities, so every failing call is tried with flushed.
      it(`${durability}: ${what}`, { timeout: 60_000 }, async () => {
        let refusals = 0;
        for (let from = 0; ; from += durability === "flushed" && faults.count === 1 ? 1 : 4) {
          const { failed } = await survive({ ...faults, from }, { durability });
          refusals += failed;
          if (failed === 0) break;
        }
        expect(refusals).toBeGreaterThan(10);
      });
    }
  }
});

it("ends calls at their timeout if the disk does not answer, and disposal waits for the disk", async () => {
  const gate = signal();
  let isStuck = false;
  const files: Files = {
    ...systemFiles,
    write: async (...args) => {
      if (isStuck) await gate.promise;
      return systemFiles.write(...args);
    },
  };
  const directory = makeDirectory();
  const store = await openWith(files, directory, { cleanupIntervalMs: 0, timeoutMs: 100 });
  isStuck = true;
  const calls = [
    store.commit("t", Buffer.from("1"), expiry),
    store.commit("t", Buffer.from("2"), expiry),
    store.find("t"),
    store.all(),
    store.deleteExpired(),
    store.entries().next(),
  ];
  const outcomes = await Promise.race([Promise.allSettled(calls), pause(2_000)]); // timers that are due fire in order
  expect(outcomes).toEqual(
    calls.map(() => ({ status: "rejected", reason: expect.objectContaining(unavailable) })),
  );
  expect(await store.find("u")).toBeUndefined(); // no call for this session is in flight
  const disposing = store[Symbol.asyncDispose]();
  gate.resolve();
  await disposing;
});

it("never accepts a refused record that the log could not remove", async () => {
  for (const durability of ["flushed", "committed"] as const) {
    const directory = makeDirectory();
    // A log that writes everything, reports failure, and cannot be truncated.
    let isBroken = false;
    const broken = async (): Promise<never> => {
      throw Object.assign(new Error("EIO: injected"), { code: "EIO" });
    };
    const files: Files = {
      ...systemFiles,
      write: async (...args) => {
        const written = await systemFiles.write(...args);
        return isBroken && args[2] === 0 && args[4] > 60 ? broken() : written;
      },
      truncate: async (...args) => (isBroken ? broken() : systemFiles.truncate(...args)),
    };
    const again = await openWith(files, directory, { cleanupIntervalMs: 0, durability });
    await again.commit("kept", Buffer.from("1"), expiry);
    isBroken = true;
    await expect(again.commit("refused", Buffer.from("1"), expiry)).rejects.toMatchObject(unavailable);
    isBroken = false;
    await again.commit("after", Buffer.from("1"), expiry);
    const state = await stateOf(again);
    expect([...state.keys()].sort()).toEqual(["after", "kept"]);
    await again[Symbol.asyncDispose]();
    const third = await openHybridStore(directory, { cleanupIntervalMs: 0 });
    expect(await stateOf(third)).toEqual(state);
    await third[Symbol.asyncDispose]();
  }
});

it("a full disk rejects only writes that do not fit, and everything works again when there is space", async (context) => {
  const disk = await smallDisk(3_000_000, context);
  const data = new Uint8Array(300).fill(7);
  const large = new Uint8Array(600_000);
  const store = await openHybridStore(join(disk, "store"), { cleanupIntervalMs: 0 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.commit("before", data, expiry); // its log has a megabyte of room
  await store.commit("filling", new Uint8Array(1_040_000), expiry);
  const ballast = join(disk, "ballast");
  const room = 400_000;
  await writeFile(ballast, "");
  const { bavail, bsize } = statfsSync(disk);
  await writeFile(ballast, Buffer.alloc(Math.max(0, bavail * bsize - room)));

  const full = await fill(store, data);
  expect(full).toBeGreaterThan(0);
  const outcomes = await Promise.allSettled([
    store.delete("before"),
    store.commit("large", large, expiry),
    store.find("before"),
  ]);
  expect(outcomes[1]).toMatchObject({ status: "rejected", reason: { code: "UNAVAILABLE" } });
  expect(String((outcomes[1] as PromiseRejectedResult).reason.message)).toContain(
    "no space left on the disk",
  );
  expect(outcomes[2]?.status).toBe("fulfilled");
  expect(await store.find("large")).toBeUndefined();

  await rm(ballast);
  await store.commit("large", large, expiry);
  expect((await store.find("large"))?.data).toEqual(large);
});

/** Commits until the disk is full. Returns the number of accepted commits, after finding all of them. */
async function fill(store: HybridStore, data: Uint8Array): Promise<number> {
  for (let count = 0; ; count += 100) {
    const tokens = Array.from({ length: 100 }, (_, n) => `fill ${count + n}`);
    const outcomes = await Promise.allSettled(tokens.map((token) => store.commit(token, data, expiry)));
    for (const [n, { status }] of outcomes.entries()) {
      const found = await store.find(tokens[n] as string);
      expect(found !== undefined).toBe(status === "fulfilled");
    }
    if (outcomes.some(({ status }) => status === "rejected")) return count;
  }
}

it("refuses a path that cannot be a directory, with the reason as cause", async () => {
  const directory = makeDirectory();
  writeFileSync(join(directory, "file"), "");
  for (const [name, code] of [
    ["file", "EEXIST"],
    ["file/below", "ENOTDIR"],
  ] as const) {
    const opening = openHybridStore(join(directory, name));
    await expect(opening).rejects.toMatchObject(unavailable);
    await expect(opening).rejects.toHaveProperty("cause.code", code);
  }
});

it("creates directory and files that only their owner can access", async () => {
  const directory = join(makeDirectory(), "new", "sessions");
  const store = await openHybridStore(directory, { cleanupIntervalMs: 0 });
  await store.commit("t", new Uint8Array(1), expiry);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  for (const name of await systemFiles.list(directory)) {
    expect(statSync(join(directory, name)).mode & 0o777, name).toBe(0o600);
  }
  await store[Symbol.asyncDispose]();
});

/** Returns the synced directories, in call order. */
const syncedIn = (calls: readonly string[]): string[] =>
  calls.flatMap((call, index) =>
    calls[index + 1]?.startsWith("datasync") ? (/^open (\S+) 0$/.exec(call)?.[1] ?? []) : [],
  );

it("syncs a created directory and its parents", async () => {
  const above = makeDirectory();
  const directory = join(above, "new", "sessions");
  const faulty = new FaultyFiles();
  await (await openWith(faulty.files, directory, { cleanupIntervalMs: 0 }))[Symbol.asyncDispose]();
  expect(syncedIn(faulty.calls).slice(0, 2)).toEqual([dirname(directory), above]);
});

it("the first write flushes names that another process may have left unflushed", async () => {
  const above = makeDirectory();
  const directory = join(above, "sessions");
  await (await openHybridStore(directory, { cleanupIntervalMs: 0 }))[Symbol.asyncDispose]();
  const faulty = new FaultyFiles();
  const store = await openWith(faulty.files, directory, { cleanupIntervalMs: 0 });
  await store.commit("t", new Uint8Array(1), expiry);
  expect(syncedIn(faulty.calls)).toEqual([above, directory]);
  await store.commit("t", new Uint8Array(2), expiry);
  expect(syncedIn(faulty.calls)).toHaveLength(2); // once
  await store[Symbol.asyncDispose]();
});

it("resolves a relative path when it opens", async () => {
  const above = realpathSync(makeDirectory());
  const before = process.cwd();
  onTestFinished(() => process.chdir(before));
  process.chdir(above);
  await using store = await openHybridStore("sessions", {
    cleanupIntervalMs: 0,
    snapshotRatio: 0.01,
    minLogBytes: 0,
  });
  process.chdir(before);
  for (let n = 0; n < 20; n++) await store.commit(`t${n}`, new Uint8Array(100), expiry);
  expect((await listFiles(systemFiles, join(above, "sessions"))).snapshot).toBeDefined();
});

it.each([undefined, "", "a\0b", 7])("%j is no directory", async (directory) => {
  await expect(openHybridStore(directory as string)).rejects.toBeInstanceOf(TypeError);
});

it("does not touch foreign files in its directory", async () => {
  const directory = makeDirectory();
  for (const name of ["notes.txt", "log-x", "snapshot-1"]) writeFileSync(join(directory, name), "mine");
  mkdirSync(join(directory, "lost+found"));
  await (await openHybridStore(directory))[Symbol.asyncDispose]();
  for (const name of ["notes.txt", "log-x", "snapshot-1", "lost+found"]) {
    expect(existsSync(join(directory, name)), name).toBe(true);
  }
});

it("refuses an option out of range, names the allowed values, and creates nothing", async () => {
  const directory = join(makeDirectory(), "none");
  for (const [options, message] of [
    [{ durability: "often" as "lazy" }, 'durability must be "flushed", "committed" or "lazy", got often'],
    [{ flushIntervalMs: 0 }, "flushIntervalMs must be a whole number from 1 to 2147483647, got 0"],
    [{ flushIntervalMs: 2 ** 31 }, "flushIntervalMs must be a whole number from 1"],
    [{ snapshotRatio: 0 }, "snapshotRatio must be a number above 0, got 0"],
    [{ snapshotRatio: Number.NaN }, "snapshotRatio must be a number above 0, got NaN"],
    [{ minLogBytes: -1 }, "minLogBytes must be a whole number of at least 0, got -1"],
    [{ cleanupIntervalMs: -1 }, "cleanupIntervalMs must be a whole number from 0"],
  ] as const) {
    await expect(openHybridStore(directory, options)).rejects.toThrow(message);
  }
  expect(existsSync(directory)).toBe(false);
});

it("continues when onError throws", async () => {
  const directory = makeDirectory();
  const warnings: string[] = [];
  const warn = (warning: Error) => warnings.push(warning.message);
  process.on("warning", warn);
  onTestFinished(() => void process.off("warning", warn));
  await (await openHybridStore(directory))[Symbol.asyncDispose]();
  const [log] = (await systemFiles.list(directory)).filter((name) => name.startsWith("log-"));
  writeFileSync(join(directory, String(log)), "this is not a log, but has the name of one, and a length");
  const store = await openHybridStore(directory, {
    onError: () => {
      throw new Error("a bug of the app");
    },
  });
  await store.commit("t", new Uint8Array(1), expiry);
  await store[Symbol.asyncDispose]();
  expect(warnings).toContain("a bug of the app");
});
