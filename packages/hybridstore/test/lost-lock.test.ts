import { readdirSync, readFileSync, rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { openHybridStore } from "../src/index.js";
import { makeDirectory } from "./directory.js";

const data = new Uint8Array(10).fill(7);
const expiry = new Date(4_000_000_000_000);
const lost = {
  name: "StoreError",
  code: "UNAVAILABLE",
  message: expect.stringContaining("the directory was removed, or taken by another process"),
};

const losses: Record<string, (directory: string) => void> = {
  "the directory is removed": (directory) => rmSync(directory, { recursive: true }),
  "the lock file is removed": (directory) => removeAll(directory, "lock."),
};

function removeAll(directory: string, prefix: string): void {
  for (const name of readdirSync(directory)) if (name.startsWith(prefix)) unlinkSync(join(directory, name));
}

const contentOf = (directory: string) =>
  readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "latin1")]);

for (const [what, lose] of Object.entries(losses)) {
  for (const durability of ["flushed", "committed"] as const) {
    it(`${durability}: when ${what} and another store opens it, the first fails its writes, and then its reads`, async () => {
      const directory = join(makeDirectory(), "sessions");
      const options = { cleanupIntervalMs: 0, durability, minLogBytes: 0, snapshotRatio: 0.001 };
      const first = await openHybridStore(directory, options);
      await first.commit("t", data, expiry);
      lose(directory);
      const second = await openHybridStore(directory, { cleanupIntervalMs: 0, durability });
      await second.commit("u", data, expiry);
      const content = contentOf(directory);
      await expect(first.commit("v", data, expiry)).rejects.toMatchObject(lost);
      await expect(first.replace("t", data, data, expiry)).rejects.toMatchObject(lost);
      await expect(first.delete("t")).rejects.toMatchObject(lost);
      await expect(first.find("t")).rejects.toMatchObject(lost);
      await expect(first.all()).rejects.toMatchObject(lost);
      await expect(first.entries().next()).rejects.toMatchObject(lost);
      await first[Symbol.asyncDispose]();
      if (what === "the directory is removed") expect(contentOf(directory)).toEqual(content);
      await second.commit("w", data, expiry);
      await second[Symbol.asyncDispose]();
      const third = await openHybridStore(directory, options);
      expect([...(await third.all()).keys()]).toEqual(expect.arrayContaining(["u", "w"]));
      expect(await third.find("v")).toBeUndefined();
      await third[Symbol.asyncDispose]();
    });
  }
}

it("does not acknowledge a write to a removed log", async () => {
  const directory = makeDirectory();
  const store = await openHybridStore(directory, { cleanupIntervalMs: 0 });
  await store.commit("t", data, expiry);
  removeAll(directory, "log-");
  await expect(store.commit("u", data, expiry)).rejects.toMatchObject(lost);
  await store[Symbol.asyncDispose]();
});

describe("a store that is lazy, or only read", () => {
  function useFakeTimers(): void {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] });
    onTestFinished(() => void vi.useRealTimers());
  }

  it("notices when it writes, and then rejects every call", async () => {
    useFakeTimers();
    const directory = join(makeDirectory(), "sessions");
    const onError = vi.fn();
    const options = { cleanupIntervalMs: 0, durability: "lazy", onError } as const;
    const store = await openHybridStore(directory, options);
    await store.commit("t", data, expiry);
    rmSync(directory, { recursive: true });
    await vi.advanceTimersByTimeAsync(1000);
    await vi.waitUntil(() => onError.mock.calls.length > 0, { timeout: 60_000 });
    expect(onError).toHaveBeenCalledWith(expect.objectContaining({ code: "UNAVAILABLE" }));
    await expect(store.commit("u", data, expiry)).rejects.toMatchObject(lost);
    await expect(store.find("t")).rejects.toMatchObject(lost);
    await expect(store[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("notices when it touches its lock", async () => {
    useFakeTimers();
    const directory = join(makeDirectory(), "sessions");
    const store = await openHybridStore(directory, { cleanupIntervalMs: 0 });
    await store.commit("t", data, expiry);
    rmSync(directory, { recursive: true });
    expect((await store.find("t"))?.data).toEqual(data);
    await vi.advanceTimersByTimeAsync(3000);
    vi.useRealTimers();
    await vi.waitUntil(async () => (await Promise.allSettled([store.find("t")]))[0].status === "rejected", {
      timeout: 60_000,
    });
    await expect(store.find("t")).rejects.toMatchObject(lost);
    await store[Symbol.asyncDispose]();
  });
});
