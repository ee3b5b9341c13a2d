import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { StoreError } from "@scs/core";
import { StoreInProcess } from "@scs/testkit";
import { expect, it, onTestFinished, vi } from "vitest";
import { openHybridStore } from "../src/index.js";
import { Log } from "../src/log/log.js";
import { openWith } from "../src/open.js";
import { makeDirectory } from "./directory.js";
import { FaultyFiles } from "./faulty-files.js";
import { stateOf } from "./state.js";

/** Number of kills; `npm run crash` at the root uses 200. */
const kills = Number(process.env.SCS_TEST_KILLS ?? 4);
const expiry = new Date(4_000_000_000_000);
const data = new Uint8Array(100).fill(7);
const lazy = { cleanupIntervalMs: 0, durability: "lazy", flushIntervalMs: 1000 } as const;

function useFakeTimers(): void {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
}

/** A long timeout, for busy machines. */
const patient = { timeout: 60_000 };

/** Returns the log on the disk. */
function logIn(directory: string): string {
  const name = readdirSync(directory).find((each) => each.startsWith("log-"));
  return readFileSync(join(directory, String(name)), "latin1");
}

it("answers calls at once, and writes all of them together after the interval", async () => {
  useFakeTimers();
  const directory = makeDirectory();
  const faulty = new FaultyFiles();
  const store = await openWith(faulty.files, directory, lazy);
  const [before, timers] = [faulty.calls.length, vi.getTimerCount()];
  for (let n = 0; n < 100; n++) await store.commit(`token ${n}`, data, expiry);
  await vi.advanceTimersByTimeAsync(999);
  expect(faulty.calls.length).toBe(before);
  expect(logIn(directory)).not.toContain("token");
  await vi.advanceTimersByTimeAsync(1);
  await vi.waitUntil(() => logIn(directory).includes("token 99"), patient);
  expect(faulty.calls.slice(before)).toHaveLength(1);
  expect(vi.getTimerCount()).toBe(timers); // no timer without pending writes
  await store[Symbol.asyncDispose]();
});

it("writes large amounts before the interval is over", async () => {
  useFakeTimers();
  const directory = makeDirectory();
  const store = await openHybridStore(directory, lazy);
  for (let n = 0; n < 12; n++) await store.commit(`token ${n}`, new Uint8Array(100_000), expiry);
  await vi.waitUntil(() => logIn(directory).includes("token 9"), patient);
  await store[Symbol.asyncDispose]();
});

it("writes pending changes on disposal", async () => {
  const directory = makeDirectory();
  const store = await openHybridStore(directory, { ...lazy, flushIntervalMs: 2 ** 31 - 1 });
  await Promise.all([store.commit("a", data, expiry), store.commit("b", data, expiry), store.delete("a")]);
  await store[Symbol.asyncDispose]();
  const again = await openHybridStore(directory, lazy);
  expect([...(await again.all()).keys()]).toEqual(["b"]);
  await again[Symbol.asyncDispose]();
});

it("keeps writes older than the interval when the process is killed", {
  timeout: 60_000 + kills * 10_000,
}, async () => {
  const directory = makeDirectory();
  const module = new URL("./open.js", import.meta.url);
  const location = { directory, durability: "lazy", flushIntervalMs: 5 };
  const options = {
    now: () => 1000,
    cleanupIntervalMs: 0,
    onError: (error: StoreError) => expect.fail(error.message),
  };
  for (let kill = 0; kill < kills; kill++) {
    const store = await StoreInProcess.open(module, location, options);
    for (let n = 0; n < 200; n++) await store.commit(`${kill} ${n}`, data, expiry);
    await store.delete(`${kill} 0`);
    // The log has these, because the interval is over. Later writes may be lost, the newest first.
    await vi.waitUntil(() => logIn(directory).includes(`${kill} 199`), { ...patient, interval: 1 });
    const later = Promise.allSettled(
      Array.from({ length: 50 }, (_, n) => store.commit(`later ${n}`, data, expiry)),
    );
    await store.kill();
    await later;
    const again = await openHybridStore(directory, { ...lazy, onError: () => undefined });
    const tokens = await again.all();
    for (let n = 1; n < 200; n++) expect(tokens.has(`${kill} ${n}`), `${kill} ${n}`).toBe(true);
    const survivors = [...tokens.keys()].filter((token) => token.startsWith("later"));
    expect(new Set(survivors)).toEqual(new Set(survivors.map((_, n) => `later ${n}`)));
    await Promise.all(survivors.map((token) => again.delete(token)));
    await again[Symbol.asyncDispose]();
  }
});

it("reports and keeps failed writes, and writes them later, each once", async () => {
  useFakeTimers();
  for (const faults of [
    { from: 0, count: 3, code: "ENOSPC", isShort: true, of: ["write"] },
    { from: 0, count: 5, code: "EIO", isShort: true, of: ["write", "truncate"] },
  ] as const) {
    const directory = makeDirectory();
    const errors: StoreError[] = [];
    const faulty = new FaultyFiles();
    const store = await openWith(faulty.files, directory, {
      ...lazy,
      onError: (error) => errors.push(error),
    });
    await store.commit("before", data, expiry);
    await vi.advanceTimersByTimeAsync(1000);
    await vi.waitUntil(() => logIn(directory).includes("before"), patient);
    faulty.faults = faults;
    await store.commit("a", data, expiry);
    await store.delete("before");
    for (let attempt = 1; attempt <= 2; attempt++) {
      await vi.advanceTimersByTimeAsync(1000);
      await vi.waitUntil(() => errors.length >= attempt, patient);
    }
    expect(errors[0]).toMatchObject({
      code: "UNAVAILABLE",
      message: expect.stringContaining("is tried again"),
    });
    await store.commit("b", data, expiry);
    expect([...(await store.all()).keys()]).toEqual(["a", "b"]);
    faulty.faults = undefined;
    await store[Symbol.asyncDispose]();
    const again = await openHybridStore(directory, {
      ...lazy,
      onError: (error) => expect.fail(error.message),
    });
    expect([...(await stateOf(again)).keys()]).toEqual(["a", "b"]);
    await again[Symbol.asyncDispose]();
  }
});

it("rejects disposal when it cannot write pending changes, and releases the directory", async () => {
  const directory = makeDirectory();
  const faulty = new FaultyFiles();
  const store = await openWith(faulty.files, directory, lazy);
  await store.commit("a", data, expiry);
  faulty.faults = { from: 0, count: 1000, code: "ENOSPC", of: ["write"] };
  await expect(store[Symbol.asyncDispose]()).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "hybridstore: the last changes could not be written: there is no space left on the disk",
  });
  await (await openHybridStore(directory, lazy))[Symbol.asyncDispose]();
});

/** Returns the files of the directory with their bytes. */
const contentOf = (directory: string) =>
  readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "latin1")]);

it("does not touch the directory after a failed disposal", async () => {
  useFakeTimers();
  const directory = makeDirectory();
  const faulty = new FaultyFiles();
  const errors: StoreError[] = [];
  const onError = (error: StoreError) => void errors.push(error);
  const store = await openWith(faulty.files, directory, { ...lazy, onError });
  const timers = vi.getTimerCount();
  await store.commit("refused", data, expiry);
  faulty.faults = { from: 0, count: Number.POSITIVE_INFINITY, code: "ENOSPC", of: ["write"] };
  await vi.advanceTimersByTimeAsync(1000);
  await vi.waitUntil(() => errors.length === 1, patient);
  expect(vi.getTimerCount()).toBe(timers + 1); // the retry
  await expect(store[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  faulty.faults = undefined; // now the disk would accept it
  const next = await openHybridStore(directory, { ...lazy, durability: "flushed" });
  await next.commit("kept", data, expiry);
  const [calls, content] = [faulty.calls.length, contentOf(directory)];
  await vi.advanceTimersByTimeAsync(5000);
  expect(faulty.calls.slice(calls)).toEqual([]);
  expect(vi.getTimerCount()).toBe(timers); // the timers of the next owner
  expect(contentOf(directory)).toEqual(content);
  await next[Symbol.asyncDispose]();
  const again = await openHybridStore(directory, {
    ...lazy,
    onError: (error) => expect.fail(error.message),
  });
  expect([...(await again.all()).keys()]).toEqual(["kept"]);
  await again[Symbol.asyncDispose]();
});

it("a closed log neither opens nor writes a file", async () => {
  const directory = makeDirectory();
  const { files, calls } = new FaultyFiles();
  const lock = { assertHeld: () => undefined, assertHeldLately: () => undefined };
  const end = { generation: 1, position: undefined, size: 0, olderBytes: 0, lastSequence: 0 };
  const log = await Log.open({ directory, mark: 1, files, isFlushed: false, lock }, end);
  await log.close();
  const [before, content] = [calls.length, contentOf(directory)];
  await expect(log.append(Buffer.alloc(40), 1)).rejects.toMatchObject({ code: "CLOSED" });
  await expect(log.rotate()).rejects.toMatchObject({ code: "CLOSED" });
  expect(calls.slice(before)).toEqual([]);
  expect(contentOf(directory)).toEqual(content);
});
