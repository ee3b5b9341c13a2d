import type { StoreError } from "@scs/core";
import { Clock, StoreInProcess } from "@scs/testkit";
import { afterEach, expect, it } from "vitest";

const module = new URL("./modules/two-processes.js", import.meta.url);
const data = new Uint8Array([1, 2, 3]);
const clock = new Clock();
const errors: StoreError[] = [];
const options = {
  now: clock.now,
  cleanupIntervalMs: 60_000,
  onError: (error: StoreError) => errors.push(error),
};
const opened: StoreInProcess[] = [];

async function open(location: unknown = "here"): Promise<StoreInProcess> {
  const store = await StoreInProcess.open(module, location, options);
  opened.push(store);
  return store;
}

afterEach(async () => {
  for (const store of opened.splice(0)) await store[Symbol.asyncDispose]();
  errors.length = 0;
});

it("transmits every call and its outcome", async () => {
  const store = await open();
  expect(await store.commit("a", data, clock.in(1000))).toBeUndefined();
  expect(await store.find("a")).toEqual({ data, expiry: clock.in(1000) });
  await store.commit("b", data, clock.in(2000));
  await store.delete("a");
  expect(await store.all()).toEqual(new Map([["b", data]]));
  expect(await store.replace("a", undefined, data, clock.in(1))).toBe(true);
  expect(await store.replace("a", data, data, clock.in(1))).toBe(false);
  expect(await store.touch("a", clock.in(1))).toBe(true);
  expect(await store.deleteExpired()).toBe(1);
  expect(await store.stopCleanup()).toBeUndefined();
});

it("transmits complete and abandoned iterations", async () => {
  const store = await open();
  for (const token of ["a", "b", "c"]) await store.commit(token, data, clock.in(1000));
  const seen: string[] = [];
  for await (const entry of store.entries()) {
    expect(entry).toMatchObject({ data, expiry: clock.in(1000) });
    seen.push(entry.token);
  }
  expect(seen).toEqual(["a", "b", "c"]);
  for await (const { token } of store.entries()) {
    expect(token).toBe("a");
    break;
  }
});

it("uses the clock of the check", async () => {
  const store = await open();
  await store.commit("a", data, clock.in(1000));
  clock.advance(999);
  expect(await store.find("a")).toBeDefined();
  clock.advance(1);
  expect(await store.find("a")).toBeUndefined();
});

it("opens the backend at the given location, with the options of the check", async () => {
  const store = await open({ path: "/there" });
  const record = await store.find("where");
  expect(JSON.parse(Buffer.from(record?.data ?? []).toString())).toEqual({
    location: { path: "/there" },
    cleanupIntervalMs: 60_000,
  });
});

it("transmits errors of calls by code, errors of onError, and bugs", async () => {
  const store = await open();
  await expect(store.commit("refused", data, clock.in(1))).rejects.toMatchObject({
    name: "StoreError",
    code: "INVALID_ARGUMENT",
    message: "refused",
  });
  await expect(store.commit("bug", data, clock.in(1))).rejects.toThrow("a bug");
  await store.commit("damaged", data, clock.in(1));
  expect(errors).toMatchObject([{ name: "StoreError", code: "CORRUPT", message: "damaged" }]);
});

it("disposes of the store and ends the process, once", async () => {
  const store = await open();
  await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
  expect(errors).toMatchObject([{ message: "disposed of" }]);
  await expect(store.find("a")).rejects.toMatchObject({ code: "CLOSED" });
});

it("kills the process: calls in flight reject, and the store is not disposed of", async () => {
  const store = await open();
  const pending = expect(store.commit("never", data, clock.in(1))).rejects.toThrow("ended with SIGKILL");
  await store.kill();
  await pending;
  await store[Symbol.asyncDispose]();
  expect(errors).toEqual([]);
});

it("rejects if the store cannot be connected, and leaves no process", async () => {
  await expect(open("nowhere")).rejects.toThrow("there is no such place");
});
