import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { CleanupScheduler, StoreError } from "../src/index.js";
import { PausedStore } from "./fixtures/paused-store.js";
import { collectWarnings } from "./fixtures/process-warnings.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  vi.spyOn(Math, "random").mockReturnValue(0);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("errors of a background cleanup", () => {
  it("are passed to onError unchanged if they are StoreErrors, and the schedule continues", async () => {
    const store = new PausedStore();
    const errors: StoreError[] = [];
    new CleanupScheduler(store, { cleanupIntervalMs: 1000, onError: (error) => errors.push(error) });
    const closed = new StoreError("CLOSED", "the store has been disposed of");
    await vi.advanceTimersByTimeAsync(1000);
    store.failRun(closed);
    await vi.advanceTimersByTimeAsync(1000);
    expect(errors).toEqual([closed]);
    expect(errors[0]).toBe(closed);
    expect(store.runs).toBe(2);
  });

  it("are recognized by name, because another copy of this package may have created them", async () => {
    const store = new PausedStore();
    const errors: unknown[] = [];
    new CleanupScheduler(store, { cleanupIntervalMs: 1000, onError: (error) => errors.push(error) });
    const foreign = Object.assign(new Error("closed"), { name: "StoreError", code: "CLOSED" });
    await vi.advanceTimersByTimeAsync(1000);
    store.failRun(foreign);
    await vi.advanceTimersByTimeAsync(0);
    expect(errors[0]).toBe(foreign);
  });

  it.each([new Error("ENOSPC"), "a string", undefined])(
    "of other kinds are wrapped as UNAVAILABLE: %o",
    async (cause) => {
      const store = new PausedStore();
      const errors: StoreError[] = [];
      new CleanupScheduler(store, { cleanupIntervalMs: 1000, onError: (error) => errors.push(error) });
      await vi.advanceTimersByTimeAsync(1000);
      store.failRun(cause);
      await vi.advanceTimersByTimeAsync(1000);
      expect(errors).toHaveLength(1);
      expect(errors[0]).toMatchObject({ name: "StoreError", code: "UNAVAILABLE", cause });
      expect(errors[0]?.message).toBe("the background cleanup failed");
      expect(store.runs).toBe(2);
    },
  );

  it("are reported even if deleteExpired throws instead of rejecting", async () => {
    const errors: StoreError[] = [];
    const store = {
      deleteExpired(): Promise<number> {
        throw new Error("at once");
      },
    };
    new CleanupScheduler(store, { cleanupIntervalMs: 1000, onError: (error) => errors.push(error) });
    await vi.advanceTimersByTimeAsync(2000);
    expect(errors.map(({ code }) => code)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
  });

  it("become one process warning per code by default", async () => {
    await using warnings = collectWarnings();
    const store = new PausedStore();
    new CleanupScheduler(store, { cleanupIntervalMs: 1000 });
    for (const failure of [
      new Error("first"),
      new Error("second"),
      new StoreError("LOCKED", "another process owns the directory"),
    ]) {
      await vi.advanceTimersByTimeAsync(1000);
      store.failRun(failure);
    }
    await vi.advanceTimersByTimeAsync(0);
    expect((await warnings.emitted()).map(({ code, message }) => [code, message])).toEqual([
      [
        "UNAVAILABLE",
        "the background cleanup failed (further UNAVAILABLE errors are not shown; set onError to see all)",
      ],
      [
        "LOCKED",
        "another process owns the directory (further LOCKED errors are not shown; set onError to see all)",
      ],
    ]);
  });

  it.each([
    { thrown: new Error("handler broke"), message: "handler broke" },
    { thrown: undefined, message: "undefined" },
  ])(
    "in onError itself end neither the schedule nor the process, and become a warning: $message",
    async ({ thrown, message }) => {
      await using warnings = collectWarnings();
      const store = new PausedStore();
      const onError = () => {
        throw thrown;
      };
      const scheduler = new CleanupScheduler(store, { cleanupIntervalMs: 1000, onError });
      await vi.advanceTimersByTimeAsync(1000);
      store.failRun(new Error("ENOSPC"));
      await vi.advanceTimersByTimeAsync(1000);
      expect(store.runs).toBe(2);
      expect((await warnings.emitted()).map((warning) => warning.message)).toEqual([message]);
      store.endRun();
      await scheduler.stop();
    },
  );
});
