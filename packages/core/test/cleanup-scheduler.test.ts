import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CleanupScheduler, MAX_DELAY_MS } from "../src/index.js";
import { PausedStore } from "./fixtures/paused-store.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(Math, "random").mockReturnValue(0); // no jitter by default
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("schedule", () => {
  it("runs first when one interval has passed, and not before", async () => {
    const store = new PausedStore();
    new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(999);
    expect(store.runs).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(store.runs).toBe(1);
  });

  it("never lets two runs overlap, however long one takes", async () => {
    const store = new PausedStore();
    new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    expect(store.runs).toBe(1);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.runs).toBe(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("counts the interval from the end of the last run", async () => {
    const store = new PausedStore();
    new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000 + 10_000);
    store.endRun();
    await vi.advanceTimersByTimeAsync(999);
    expect(store.runs).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(store.runs).toBe(2);
  });

  it("has no timer at all with an interval of 0", () => {
    new CleanupScheduler(new PausedStore(), { cleanupIntervalMs: 0 });
    expect(vi.getTimerCount()).toBe(0);
  });

  it("never keeps the process alive", async () => {
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    const store = new PausedStore();
    new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    store.endRun();
    await vi.advanceTimersByTimeAsync(0);
    expect(timeouts.mock.results.map(({ value }) => value.hasRef())).toEqual([false, false]);
  });

  it.each([
    [0, 1000],
    [0.5, 1050],
    [1, 1100],
  ])("adds up to a tenth of jitter: with a random number of %f, 1000 ms become %f", async (random, delay) => {
    vi.spyOn(Math, "random").mockReturnValue(random);
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    const store = new PausedStore();
    new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(delay);
    store.endRun();
    await vi.advanceTimersByTimeAsync(0);
    expect(timeouts.mock.calls.map(([, ms]) => ms)).toEqual([delay, delay]);
  });

  it("accepts the longest delay of Node.js, and never exceeds it with jitter", () => {
    vi.spyOn(Math, "random").mockReturnValue(0.999);
    const timeouts = vi.spyOn(globalThis, "setTimeout");
    new CleanupScheduler(new PausedStore(), { cleanupIntervalMs: MAX_DELAY_MS });
    expect(MAX_DELAY_MS).toBe(2_147_483_647);
    expect(timeouts.mock.calls.map(([, ms]) => ms)).toEqual([MAX_DELAY_MS]);
  });
});

describe("stop", () => {
  it("ends the schedule", async () => {
    const store = new PausedStore();
    const scheduler = new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await scheduler.stop();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.runs).toBe(0);
  });

  it("waits for the current run, and starts no other", async () => {
    const store = new PausedStore();
    const scheduler = new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    const events: string[] = [];
    const stopped = scheduler.stop().then(() => events.push("stopped"));
    await vi.advanceTimersByTimeAsync(10_000);
    events.push("run ends");
    store.endRun();
    await stopped;
    expect(events).toEqual(["run ends", "stopped"]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(vi.getTimerCount()).toBe(0);
    expect(store.runs).toBe(1);
  });

  it("waits for a run that fails, without failing itself", async () => {
    const store = new PausedStore();
    const onError = vi.fn();
    const scheduler = new CleanupScheduler(store, { cleanupIntervalMs: 1000, onError });
    await vi.advanceTimersByTimeAsync(1000);
    const stopped = scheduler.stop();
    store.failRun(new Error("disk full"));
    await stopped;
    expect(onError).toHaveBeenCalledTimes(1);
  });

  it("may be called again, during and after a run", async () => {
    const store = new PausedStore();
    const scheduler = new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    await vi.advanceTimersByTimeAsync(1000);
    const both = Promise.all([scheduler.stop(), scheduler.stop()]);
    store.endRun();
    await both;
    await scheduler.stop();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(store.runs).toBe(1);
  });

  it("may be called without a schedule", async () => {
    const scheduler = new CleanupScheduler(new PausedStore(), { cleanupIntervalMs: 0 });
    await expect(scheduler.stop()).resolves.toBeUndefined();
  });
});

describe("options", () => {
  it.each([-1, 2 ** 31, Number.NaN, Number.POSITIVE_INFINITY, 0.5])(
    "refuses an interval of %f ms, and names the allowed range",
    (cleanupIntervalMs) => {
      const construct = () => new CleanupScheduler(new PausedStore(), { cleanupIntervalMs });
      expect(construct).toThrow(RangeError);
      expect(construct).toThrow(
        `cleanupIntervalMs must be a whole number from 0 (no background cleanup) to 2147483647, got ${cleanupIntervalMs}`,
      );
      expect(vi.getTimerCount()).toBe(0);
    },
  );

  it.each(["60000", null, 60_000n])("refuses %o, which is not a number", (cleanupIntervalMs) => {
    const construct = () =>
      new CleanupScheduler(new PausedStore(), { cleanupIntervalMs: cleanupIntervalMs as unknown as number });
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(
      `cleanupIntervalMs must be a number of milliseconds, got ${typeof cleanupIntervalMs}`,
    );
  });

  it("refuses an onError that is not a function", () => {
    const onError = "console.error" as unknown as () => void;
    const construct = () => new CleanupScheduler(new PausedStore(), { cleanupIntervalMs: 1000, onError });
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow("onError must be a function, got string");
    expect(vi.getTimerCount()).toBe(0);
  });
});
