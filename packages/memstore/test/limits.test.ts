import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { StoreError, StoreOptions } from "@scs/core";
import { testFullStore } from "@scs/testkit";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { MemStore, type MemStoreOptions } from "../src/index.js";

const expiry = new Date(4_000_000_000_000);
const later = (): number => 3_000_000_000_000;
const bytes = (length: number): Uint8Array => new Uint8Array(length);

function openStore(options: MemStoreOptions): { store: MemStore; evicted: string[] } {
  const evicted: string[] = [];
  const onEvict = (token: string): void => void evicted.push(token);
  return { store: new MemStore({ cleanupIntervalMs: 0, now: later, onEvict, ...options }), evicted };
}

describe("below its limits, the contract holds", () => {
  const open = (options: StoreOptions): MemStore =>
    new MemStore({ ...options, maxSessions: 10_000, maxBytes: 2 ** 24 });
  testFullStore(it, { open, module: new URL("./open-limited.js", import.meta.url) });
});

it("evicts the least recently used session above maxSessions, and calls onEvict", async () => {
  const { store, evicted } = openStore({ maxSessions: 3 });
  for (const token of ["a", "b", "c", "d"]) await store.commit(token, bytes(1), expiry);
  expect(evicted).toEqual(["a"]);
  expect(await store.find("a")).toBeUndefined();
  expect(store.size).toBe(3);
});

it("counts find, commit, replace and touch as use, but not entries, all and calls without effect", async () => {
  const { store, evicted } = openStore({ maxSessions: 6 });
  for (const token of ["a", "b", "c", "d", "e", "f"]) await store.commit(token, bytes(1), expiry);
  await store.find("a");
  await store.commit("b", bytes(2), expiry);
  await store.replace("c", bytes(1), bytes(2), expiry);
  await store.touch("d", expiry);
  for await (const { token } of store.entries()) expect(token).toHaveLength(1);
  await store.all();
  await store.replace("e", bytes(9), bytes(2), expiry);
  for (const token of ["1", "2", "3", "4", "5", "6"]) await store.commit(token, bytes(1), expiry);
  expect(evicted).toEqual(["e", "f", "a", "b", "c", "d"]);
});

it("evicts as many sessions as necessary above maxBytes", async () => {
  const { store, evicted } = openStore({ maxBytes: 100 });
  for (const token of ["a", "b", "c", "d"]) await store.commit(token, bytes(24), expiry); // 25 bytes each
  expect(evicted).toEqual([]);
  await store.commit("é", bytes(48), expiry); // 50 bytes
  expect(evicted).toEqual(["a", "b"]);
  await store.commit("d", bytes(0), expiry); // 24 bytes less
  await store.delete("c"); // 25 less
  await store.commit("e", bytes(48), expiry);
  expect(evicted).toEqual(["a", "b"]);
});

it("refuses a session larger than maxBytes, and evicts none for it", async () => {
  const { store, evicted } = openStore({ maxBytes: 100 });
  await store.commit("a", bytes(10), expiry);
  await expect(store.commit("a", bytes(100), expiry)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(store.replace("a", bytes(10), bytes(100), expiry)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
  await store.commit("b", bytes(99 - 11), expiry);
  expect((await store.find("a"))?.data.length).toBe(10);
  expect(evicted).toEqual([]);
});

it("evicts expired sessions without onEvict, and evicts none for an already expired commit", async () => {
  let now = 0;
  const { store, evicted } = openStore({ maxSessions: 2, now: () => now });
  await store.commit("a", bytes(1), new Date(1000));
  await store.commit("b", bytes(1), new Date(2000));
  await store.commit("c", bytes(1), new Date(0));
  expect([evicted, store.size]).toEqual([[], 2]);
  now = 1000;
  await store.commit("d", bytes(1), new Date(2000));
  expect([evicted, store.size]).toEqual([[], 2]);
});

it("makes room by a cleanup", async () => {
  let now = 0;
  const { store, evicted } = openStore({ maxSessions: 2, now: () => now });
  await store.commit("a", bytes(1), new Date(2000));
  await store.commit("b", bytes(1), new Date(1000));
  now = 1000;
  expect(await store.deleteExpired()).toBe(1);
  await store.commit("c", bytes(1), new Date(2000));
  expect(evicted).toEqual([]);
  expect(store.size).toBe(2);
});

it("does not fail a call when onEvict throws, but calls onError", async () => {
  const errors: StoreError[] = [];
  const store = new MemStore({
    cleanupIntervalMs: 0,
    now: later,
    maxSessions: 1,
    onEvict: () => {
      throw new Error("mine");
    },
    onError: (error) => errors.push(error),
  });
  await store.commit("a", bytes(1), expiry);
  await store.commit("b", bytes(1), expiry);
  expect(await store.find("b")).toBeDefined();
  expect(errors).toMatchObject([{ name: "StoreError", code: "UNAVAILABLE", cause: { message: "mine" } }]);
});

it("does not fail a call when onEvict rejects, or onError throws or rejects", async () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning.message);
  process.on("warning", onWarning);
  onTestFinished(() => void process.off("warning", onWarning));
  const handlers: ((error: StoreError) => void)[] = [
    () => {
      throw new Error("an onError that throws");
    },
    (async () => {
      throw new Error("an onError that rejects");
    }) as () => void,
  ];
  for (const onError of handlers) {
    for (const onEvict of [
      () => {
        throw new Error("mine");
      },
      (async () => {
        throw new Error("mine");
      }) as () => void,
    ]) {
      const { store } = openStore({ maxSessions: 1, onEvict, onError });
      await store.commit("a", bytes(1), expiry);
      await store.commit("b", bytes(1), expiry);
      expect(await store.replace("c", undefined, bytes(1), expiry)).toBe(true);
      expect([...(await store.all()).keys()]).toEqual(["c"]);
    }
  }
  await new Promise(setImmediate);
  expect(new Set(warnings)).toEqual(new Set(["an onError that throws", "an onError that rejects"]));
  expect(warnings).toHaveLength(8);
});

it("keeps the same sessions as a list in the order of use, for any calls and limits", async () => {
  const call = fc.record({
    kind: fc.constantFrom("find", "commit", "delete", "touch"),
    token: fc.integer({ min: 0, max: 9 }).map(String),
    size: fc.integer({ min: 0, max: 30 }),
  });
  const limits = fc.record({
    maxSessions: fc.integer({ min: 1, max: 8 }),
    maxBytes: fc.integer({ min: 31, max: 120 }),
  });
  await fc.assert(
    fc.asyncProperty(limits, fc.array(call, { maxLength: 200 }), async ({ maxSessions, maxBytes }, calls) => {
      const { store, evicted } = openStore({ maxSessions, maxBytes });
      let kept: { token: string; bytes: number }[] = []; // least recently used first
      const gone: string[] = [];
      for (const { kind, token, size } of calls) {
        const own = kept.find((session) => session.token === token);
        kept = kept.filter((session) => session !== own);
        if (kind === "commit") kept.push({ token, bytes: size + 1 });
        else if (own !== undefined && kind !== "delete") kept.push(own);
        while (kept.length > maxSessions || kept.reduce((sum, { bytes }) => sum + bytes, 0) > maxBytes) {
          gone.push(kept.shift()?.token ?? "");
        }
        if (kind === "commit") await store.commit(token, bytes(size), expiry);
        else if (kind === "touch") await store.touch(token, expiry);
        else await store[kind as "find" | "delete"](token);
        expect(evicted).toEqual(gone);
      }
      expect([...(await store.all()).keys()].sort()).toEqual(kept.map(({ token }) => token).sort());
    }),
  );
});

it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "7"])("refuses %s as a limit", (limit) => {
  const message = /must be a whole number of at least 1, or left out for no limit, got/;
  expect(() => new MemStore({ maxSessions: limit as number })).toThrow(message);
  expect(() => new MemStore({ maxBytes: limit as number })).toThrow(message);
});

it("does not leak memory with limits that are never reached", async () => {
  const program = fileURLToPath(new URL("fixtures/use-often.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program]);
  expect(Number(stdout)).toBeLessThan(2 ** 21);
});
