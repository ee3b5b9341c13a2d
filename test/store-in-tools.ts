import { createContext, runInContext } from "node:vm";
import { expect, it, onTestFinished, vi } from "vitest";
import type { FullStore } from "../packages/core/dist/index.js";
import { stopTime } from "./stopped-time.js";

const data = new Uint8Array([1, 2, 3]);

/** Opens a new store. Missing options have the store's defaults. */
type Open = (options: { cleanupIntervalMs?: number }) => FullStore | Promise<FullStore>;

/** Tests that a store works in the tools of its consumers, and refuses the options of other stores. */
export function testInTools(name: string, open: Open): void {
  it("does not hang under fake timers that are installed later, and follows the system's time", async () => {
    const store = await open({ cleanupIntervalMs: 60_000 });
    stopTime();
    await store.commit("t", data, new Date(5_000));
    await Promise.all([1, 2, 3].map((n) => store.commit(`t${n}`, data, new Date(9_000))));
    expect(await store.replace("t", data, data, new Date(5_000))).toBe(true);
    vi.advanceTimersByTime(1_000); // rejects no call
    expect((await store.all()).size).toBe(4);
    vi.setSystemTime(5_000);
    expect(await store.find("t")).toBeUndefined();
    expect(await store.touch("t", new Date(9_000))).toBe(false);
    expect([...(await store.all()).keys()].sort()).toEqual(["t1", "t2", "t3"]);
    expect(await store.deleteExpired()).toBe(1);
    await store[Symbol.asyncDispose]();
  });

  it("works with numbers as timers, as in jsdom", async () => {
    const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
    const timers: NodeJS.Timeout[] = [];
    vi.stubGlobal("setTimeout", (run: () => void, ms: number) => timers.push(setTimeout(run, ms)));
    vi.stubGlobal("setInterval", (run: () => void, ms: number) => timers.push(setInterval(run, ms)));
    vi.stubGlobal("clearTimeout", (number: number) => clearTimeout(timers[number - 1]));
    vi.stubGlobal("clearInterval", (number: number) => clearInterval(timers[number - 1]));
    onTestFinished(() => void vi.unstubAllGlobals());
    const store = await open({ cleanupIntervalMs: 60_000 });
    await store.commit("t", data, new Date(4e12));
    expect((await store.find("t"))?.data).toEqual(data);
    await store[Symbol.asyncDispose]();
  });

  it("accepts bytes and dates of another realm, as in Jest and jsdom", async () => {
    const store = await open({ cleanupIntervalMs: 60_000 });
    const foreign = runInContext(
      "({ data: Uint8Array.of(1, 2, 3), expiry: new Date(4e12) })",
      createContext({}),
    );
    await store.commit("t", foreign.data, foreign.expiry);
    expect(await store.replace("t", foreign.data, foreign.data, foreign.expiry)).toBe(true);
    expect(await store.touch("t", foreign.expiry)).toBe(true);
    expect(await store.find("t")).toEqual({ data, expiry: new Date(4e12) });
    await store[Symbol.asyncDispose]();
  });

  it.each([
    ["checkPeriod", "write cleanupIntervalMs"],
    ["ttl", "write lifetimeMs of the session manager"],
    ["cleanupInterval", "did you mean cleanupIntervalMs?"],
    ["onerror", "did you mean onError?"],
    ["prefix", "the options are cleanupIntervalMs, "],
  ])("refuses the unknown option %s, and says what to write", async (option, hint) => {
    await expect((async () => open({ [option]: 1 }))()).rejects.toThrow(
      `${name}: there is no option "${option}"; ${hint}`,
    );
  });
}
