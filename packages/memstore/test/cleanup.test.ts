import { constants } from "node:buffer";
import { afterEach, expect, it, vi } from "vitest";
import { MemStore } from "../src/index.js";

const data = new Uint8Array(1);

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("removes expired sessions in the background, until stopped", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  let now = 0;
  const store = new MemStore({ cleanupIntervalMs: 1000, now: () => now });
  await store.commit("a", data, new Date(1));
  await store.commit("b", data, new Date(2));
  now = 1;
  await vi.advanceTimersByTimeAsync(999);
  expect(store.size).toBe(2);
  await vi.advanceTimersByTimeAsync(101);
  expect(store.size).toBe(1);
  await store.stopCleanup();
  now = 2;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(store.size).toBe(1);
});

it("cleans up every minute by default", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const store = new MemStore({ now: () => 5 });
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(1);
  const deleteExpired = vi.spyOn(store, "deleteExpired");
  await vi.advanceTimersByTimeAsync(59_999);
  expect(deleteExpired).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(6_001);
  expect(deleteExpired).toHaveBeenCalledTimes(1);
  await store[Symbol.asyncDispose]();
  expect(vi.getTimerCount()).toBe(0);
});

/** Advances the clock by a millisecond at each reading, and counts the turns of the event loop. */
function watchEventLoop(): { turns: number; stop: () => void } {
  let time = 0;
  vi.spyOn(performance, "now").mockImplementation(() => time++);
  const watch = { turns: 0, stop: () => clearImmediate(immediate) };
  let immediate = setImmediate(function turn() {
    watch.turns++;
    immediate = setImmediate(turn);
  });
  return watch;
}

it("lets the event loop turn during a cleanup, and keeps sessions renewed between its slices", async () => {
  let now = 0;
  const store = new MemStore({ cleanupIntervalMs: 0, now: () => now });
  const tokens = Array.from({ length: 2000 }, (_, n) => `t${n}`);
  for (const token of tokens) await store.commit(token, data, new Date(1));
  now = 1;
  const watch = watchEventLoop();
  const cleaning = store.deleteExpired();
  let renewed = 0;
  const renewals = setImmediate(async function renew() {
    for (const token of tokens.slice(renewed, renewed + 10)) await store.commit(token, data, new Date(2));
    renewed += 10;
    if (renewed < 1000) setImmediate(renew);
  });
  const removed = await cleaning;
  clearImmediate(renewals);
  watch.stop();
  expect(watch.turns).toBeGreaterThan(100);
  expect(removed).toBeLessThan(2000);
  expect(await store.deleteExpired()).toBe(0);
  for (const token of tokens.slice(0, renewed)) expect(await store.find(token), token).toBeDefined();
});

it("lets the event loop turn during an iteration", async () => {
  const store = new MemStore({ cleanupIntervalMs: 0, now: () => 0 });
  for (let n = 0; n < 500; n++) await store.commit(`t${n}`, data, new Date(1));
  const watch = watchEventLoop();
  let count = 0;
  for await (const { token } of store.entries()) count += token.length > 0 ? 1 : 0;
  watch.stop();
  expect(count).toBe(500);
  expect(watch.turns).toBeGreaterThan(20);
});

it("makes an iteration reject on disposal instead of ending early", async () => {
  const store = new MemStore({ cleanupIntervalMs: 0, now: () => 0 });
  for (let n = 0; n < 10; n++) await store.commit(`t${n}`, data, new Date(1));
  const walk = store.entries();
  await walk.next();
  await store[Symbol.asyncDispose]();
  await expect(walk.next()).rejects.toMatchObject({ code: "CLOSED" });
});

it("returns by all a snapshot of the instant of the call", async () => {
  const store = new MemStore({ cleanupIntervalMs: 0, now: () => 0 });
  for (let n = 0; n < 1000; n++) await store.commit(`t${n}`, data, new Date(1));
  const snapshot = store.all();
  for (let n = 0; n < 1000; n++) void store.delete(`t${n}`);
  expect((await snapshot).size).toBe(1000);
  expect((await store.all()).size).toBe(0);
});

it("returns a plain Uint8Array, whose slice is a copy, even if a Buffer was committed", async () => {
  const store = new MemStore({ cleanupIntervalMs: 0, now: () => 0 });
  await store.commit("t", Buffer.from("abc"), new Date(1));
  const record = await store.find("t");
  expect(Object.getPrototypeOf(record?.data)).toBe(Uint8Array.prototype);
});

it("refuses data longer than the longest string", async () => {
  const store = new MemStore({ cleanupIntervalMs: 0, now: () => 0 });
  const tooLong = new Uint8Array(constants.MAX_STRING_LENGTH + 1); // its pages are never touched
  await expect(store.commit("t", tooLong, new Date(1))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

it("explains how to correct an interval that no timer supports", () => {
  expect(() => new MemStore({ cleanupIntervalMs: -1 })).toThrow(
    "cleanupIntervalMs must be a whole number from 0 (no background cleanup) to 2147483647, got -1",
  );
  expect(() => new MemStore({ cleanupIntervalMs: 30 * 86_400_000 })).toThrow(RangeError);
});
