import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { StoreError } from "@scs/core";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type HybridStore, type HybridStoreOptions, openHybridStore } from "../src/index.js";
import { systemFiles } from "../src/log/files.js";
import { openWith } from "../src/open.js";
import { makeDirectory } from "./directory.js";
import { FaultyFiles } from "./faulty-files.js";
import { signal } from "./signal.js";
import { show, stateOf } from "./state.js";

const expiry = new Date(4_000_000_000_000);
const options = { cleanupIntervalMs: 0, onError: (error: StoreError) => expect.fail(error.message) };
const filesIn = (directory: string) =>
  readdirSync(directory)
    .map((name) => name.replace(/-[0-9a-f]{8}/, ""))
    .filter((name) => !name.startsWith("lock"))
    .sort();

const call = fc.record({
  kind: fc.constantFrom("commit", "commit", "commit", "delete", "touch", "replace"),
  token: fc.integer({ min: 0, max: 12 }).map((n) => `tøken ${n}`),
  data: fc.uint8Array({ maxLength: 300 }),
  ms: fc.integer({ min: 1, max: 1000 }),
});

it.each(["flushed", "committed", "lazy"] as const)(
  "%s: equals a Map during constant snapshots, and after a restart",
  { timeout: 60_000 },
  async (durability) => {
    const batches = fc.array(fc.array(call, { maxLength: 20 }), { maxLength: 15 });
    const settings = fc.record({
      minLogBytes: fc.constantFrom(0, 500, 5000),
      snapshotRatio: fc.constantFrom(0.001, 1),
    });
    await fc.assert(
      fc.asyncProperty(batches, settings, fc.boolean(), async (rounds, given, isDropped) => {
        const directory = makeDirectory();
        const faulty = new FaultyFiles(); // only counts
        const model = new Map<string, { data: Uint8Array; expiry: Date }>();
        let store = await openWith(faulty.files, directory, { ...options, ...given, durability });
        for (const round of rounds) {
          const outcomes = round.map(({ kind, token, data, ms }) => {
            const before = model.get(token);
            const until = new Date(expiry.getTime() + ms);
            if (kind === "delete") model.delete(token);
            else if (kind === "touch") before && model.set(token, { data: before.data, expiry: until });
            else model.set(token, { data, expiry: until });
            if (kind === "delete") return store.delete(token);
            if (kind === "touch") return store.touch(token, until);
            if (kind === "commit") return store.commit(token, data, until);
            return store.replace(token, before?.data, data, until);
          });
          await Promise.all(outcomes);
          expect(await stateOf(store)).toEqual(shown(model));
          if (isDropped && round.length > 15) {
            await store[Symbol.asyncDispose]();
            store = await openWith(faulty.files, directory, { ...options, ...given, durability });
          }
        }
        await store[Symbol.asyncDispose]();
        const again = await openHybridStore(directory, options);
        expect(await stateOf(again)).toEqual(shown(model));
        await again[Symbol.asyncDispose]();
      }),
      { numRuns: 25 },
    );
  },
);

const shown = (model: ReadonlyMap<string, { data: Uint8Array; expiry: Date }>) =>
  new Map([...model].map(([token, record]) => [token, show(record.data, record.expiry)]));

/** Opens a store whose snapshots wait before the call selected by `isHeld` until they are released. */
async function openHeld(directory: string, given: HybridStoreOptions, isHeld: (call: string) => boolean) {
  const reached = signal();
  const goOn = signal();
  const removed = signal();
  const store = await openWith(
    {
      ...systemFiles,
      open: async (path, flags, mode) => {
        if (isHeld(`open ${path}`)) {
          reached.resolve();
          await goOn.promise;
        }
        return systemFiles.open(path, flags, mode);
      },
      rename: async (from, to) => {
        if (isHeld(`rename ${to}`)) {
          reached.resolve();
          await goOn.promise;
        }
        return systemFiles.rename(from, to);
      },
      unlink: async (path) => {
        await systemFiles.unlink(path);
        if (/log-1-[0-9a-f]+$|snapshot-.*tmp$/.test(path)) removed.resolve();
      },
    },
    directory,
    { ...options, ...given },
  );
  return { store, reached: reached.promise, goOn: goOn.resolve, removed: removed.promise };
}

const fill = (store: HybridStore, count: number, size = 100) =>
  Promise.all(
    Array.from({ length: count }, (_, n) => store.commit(`t${n}`, new Uint8Array(size).fill(n), expiry)),
  );

it("answers calls during a snapshot, and removes old files after its rename", async () => {
  const directory = makeDirectory();
  const isHeld = (name: string) => /rename .*snapshot-2-[0-9a-f]+$/.test(name);
  const held = await openHeld(directory, { minLogBytes: 20_000 }, isHeld);
  await fill(held.store, 200);
  await held.reached;
  expect(filesIn(directory)).toEqual(["log-1", "log-2", "snapshot-2.tmp"]);
  await held.store.commit("meanwhile", new Uint8Array(1), expiry);
  await held.store.delete("t0");
  expect(await held.store.touch("t1", new Date(expiry.getTime() + 1))).toBe(true);
  const state = await stateOf(held.store);
  held.goOn();
  await held.removed;
  expect(filesIn(directory)).toEqual(["log-2", "snapshot-2"]);
  await held.store[Symbol.asyncDispose]();
  const again = await openHybridStore(directory, options);
  expect(await stateOf(again)).toEqual(state);
  await again[Symbol.asyncDispose]();
});

it("abandons a snapshot on disposal, and removes its file", async () => {
  const directory = makeDirectory();
  const isHeld = (name: string) => /open .*snapshot-2-.*tmp$/.test(name);
  const held = await openHeld(directory, { minLogBytes: 20_000 }, isHeld);
  await fill(held.store, 200);
  await held.reached;
  const state = await stateOf(held.store);
  const disposing = held.store[Symbol.asyncDispose]();
  held.goOn();
  await disposing;
  expect(filesIn(directory)).toEqual(["log-1", "log-2"]);
  const again = await openHybridStore(directory, options);
  expect(await stateOf(again)).toEqual(state);
  await again[Symbol.asyncDispose]();
});

it("abandons, reports and repeats a snapshot that may contain refused changes", async () => {
  const directory = makeDirectory();
  const errors: StoreError[] = [];
  const onError = (error: StoreError) => void errors.push(error);
  const isHeld = (name: string) => /open .*snapshot-2-.*tmp$/.test(name);
  const faulty = new FaultyFiles();
  const reached = signal();
  const goOn = signal();
  const gone = signal();
  const files = {
    ...faulty.files,
    open: async (path: string, flags: number, mode?: number) => {
      if (isHeld(`open ${path}`)) {
        reached.resolve();
        await goOn.promise;
      }
      return faulty.files.open(path, flags, mode);
    },
    unlink: async (path: string) => {
      await faulty.files.unlink(path);
      if (path.includes("snapshot-2-")) gone.resolve();
    },
  };
  const store = await openWith(files, directory, { ...options, onError, minLogBytes: 20_000 });
  await fill(store, 200);
  await reached.promise;
  faulty.faults = { from: 0, count: 1, code: "EIO", of: ["write"] };
  await expect(store.commit("refused", new Uint8Array(1), expiry)).rejects.toMatchObject({
    code: "UNAVAILABLE",
  });
  faulty.faults = undefined;
  goOn.resolve();
  await gone.promise;
  expect(filesIn(directory)).toEqual(["log-1", "log-2"]);
  for (let n = 0; n < 50 && !faulty.hasCalled("unlink", "log-1-"); n++) await fill(store, 200);
  expect(faulty.hasCalled("unlink", "log-1-")).toBe(true);
  expect(errors).toMatchObject([
    { code: "UNAVAILABLE", message: expect.stringContaining("a snapshot cannot be saved") },
  ]);
  const state = await stateOf(store);
  await store[Symbol.asyncDispose]();
  const again = await openHybridStore(directory, options);
  expect(await stateOf(again)).toEqual(state);
  await again[Symbol.asyncDispose]();
});

it("removes unfinished and obsolete files at a start", async () => {
  const directory = makeDirectory();
  const held = await openHeld(directory, { minLogBytes: 20_000 }, () => false);
  await fill(held.store, 200);
  await held.removed;
  await held.store.commit("t0", new Uint8Array([7]), expiry);
  const state = await stateOf(held.store);
  await held.store[Symbol.asyncDispose]();
  const mark = /-([0-9a-f]{8})$/.exec(readdirSync(directory)[0] ?? "")?.[1];
  for (const name of [
    `snapshot-3-${mark}.tmp`,
    `log-1-${mark}`,
    `snapshot-1-${mark}`,
    "lock.0123456789abcdef.tmp",
  ]) {
    writeFileSync(join(directory, name), "of one that was killed");
  }
  const again = await openHybridStore(directory, options);
  expect(filesIn(directory)).toEqual(["log-2", "snapshot-2"]);
  expect(await stateOf(again)).toEqual(state);
  await again[Symbol.asyncDispose]();
});

it("keeps the files within the documented size", async () => {
  const directory = makeDirectory();
  const minLogBytes = 50_000;
  const store = await openHybridStore(directory, { ...options, minLogBytes, durability: "committed" });
  const live = 500 * (33 + 4 + 200);
  let most = 0;
  for (let round = 0; round < 30; round++) {
    await fill(store, 500, 200);
    const sizes = readdirSync(directory).map(
      (name) => statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0,
    );
    most = Math.max(
      most,
      sizes.reduce((sum, size) => sum + size, 0),
    );
  }
  // Two snapshots, the log that made the second due, and the log written meanwhile. A batch is as large as all sessions
  // here, so add one to each.
  expect(most).toBeGreaterThan(2 * live);
  expect(most).toBeLessThan(4 * live + 4 * live);
  await store[Symbol.asyncDispose]();
});

it("writes nothing to remove expired sessions, and a start treats them as expired", async () => {
  const directory = makeDirectory();
  let now = 1000;
  const given = { ...options, now: () => now };
  const store = await openHybridStore(directory, given);
  await store.commit("a", new Uint8Array(5), new Date(2000));
  await store.commit("b", new Uint8Array(5), new Date(3000));
  await store.touch("b", new Date(1500));
  await store.commit("c", new Uint8Array(5), new Date(9000));
  const log = join(directory, String(readdirSync(directory).find((name) => name.startsWith("log-"))));
  const { mtimeMs } = statSync(log);
  now = 2000;
  expect(await store.deleteExpired()).toBe(2);
  expect(statSync(log).mtimeMs).toBe(mtimeMs);
  await store[Symbol.asyncDispose]();
  const again = await openHybridStore(directory, given);
  expect([...(await again.all()).keys()]).toEqual(["c"]);
  expect(await again.touch("b", new Date(9000))).toBe(false);
  expect(await again.deleteExpired()).toBe(2);
  await again[Symbol.asyncDispose]();
});
