import { MemStore } from "@scs/memstore";
import { createStorage, prefixStorage, type StorageValue } from "unstorage";
import { describe, expect, it } from "vitest";
import { unstorageDriver } from "../src/unstorage.js";
import { serve } from "./fixtures/serve.js";
import { Visitor } from "./fixtures/visitor.js";

const open = (options = {}) => createStorage({ driver: unstorageDriver(new MemStore(), options) });

describe.each([{ hashKeys: true }, { hashKeys: false }])("an unstorage driver with %o", (options) => {
  it("sets, has, gets and removes items", async () => {
    const storage = open(options);
    expect(await storage.hasItem("a:b")).toBe(false);
    expect(await storage.getItem("a:b")).toBeNull();
    await storage.setItem("a:b", "text");
    expect(await storage.hasItem("a:b")).toBe(true);
    expect(await storage.getItem("a/b")).toBe("text");
    await storage.removeItem("a:b");
    expect(await storage.hasItem("a:b")).toBe(false);
    expect(await storage.getItem("a:b")).toBeNull();
  });

  it("keeps the type of a value", async () => {
    const storage = open(options);
    const values = {
      object: { a: 1 },
      array: [1, "2"],
      number: 7,
      yes: true,
      text: "text",
      date: "2026-01-01",
    };
    for (const [key, value] of Object.entries(values)) await storage.setItem(key, value);
    for (const [key, value] of Object.entries(values)) expect(await storage.getItem(key)).toEqual(value);
    await storage.setItem("object", undefined as never); // unstorage removes it
    expect(await storage.hasItem("object")).toBe(false);
  });

  it("keeps raw values, including bytes", async () => {
    const storage = open(options);
    const bytes = new Uint8Array([0, 1, 255]);
    await storage.setItemRaw("bytes", bytes);
    expect(new Uint8Array((await storage.getItemRaw<Buffer>("bytes")) ?? [])).toEqual(bytes);
    await storage.setItemRaw("object", { a: 1 });
    expect(await storage.getItemRaw("object")).toEqual({ a: 1 });
    expect(await storage.getItemRaw("nothing")).toBeNull();
  });

  it("sets and gets several items at once", async () => {
    const storage = open(options);
    await storage.setItems([
      { key: "one", value: "1st" as StorageValue },
      { key: "two", value: { a: 2 } },
    ]);
    expect(await storage.getItems(["one", "two", "three"])).toEqual([
      { key: "one", value: "1st" },
      { key: "two", value: { a: 2 } },
      { key: "three", value: null },
    ]);
  });

  it("keeps an item for its ttl in seconds", async () => {
    const time = { now: 1_000_000 };
    const now = () => time.now;
    const driver = unstorageDriver(new MemStore({ now }), { ...options, now });
    const storage = createStorage({ driver });
    await storage.setItem("short", "text", { ttl: 10 });
    await storage.setItem("long", "text");
    time.now += 9_999;
    expect(await storage.getItem("short")).toBe("text");
    time.now += 1;
    expect(await storage.getItem("short")).toBeNull();
    expect(await storage.getItem("long")).toBe("text");
  });

  it("clears its own records, and does not close the app's store", async () => {
    const store = new MemStore();
    const [storage, other] = ["one", "two"].map((namespace) =>
      createStorage({ driver: unstorageDriver(store, { ...options, namespace }) }),
    ) as [ReturnType<typeof createStorage>, ReturnType<typeof createStorage>];
    await storage.setItem("key", "text");
    await other.setItem("key", "text");
    await storage.clear();
    expect(await storage.getItem("key")).toBeNull();
    expect(await other.getItem("key")).toBe("text");
    await storage.dispose();
    expect(store.size).toBe(1);
  });
});

describe("an unstorage driver with unhashed keys", () => {
  it("lists keys, and clears those below a prefix", async () => {
    const driver = unstorageDriver(new MemStore(), { hashKeys: false });
    const storage = createStorage({ driver });
    for (const key of ["s1", "s2:a", "s2:b", "s3:a:b"]) await storage.setItem(key, "text");
    expect((await storage.getKeys()).sort()).toEqual(["s1", "s2:a", "s2:b", "s3:a:b"]);
    expect((await storage.getKeys("s2")).sort()).toEqual(["s2:a", "s2:b"]);
    expect(await storage.getKeys("", { maxDepth: 0 })).toEqual(["s1"]);
    expect(await prefixStorage(storage, "s3").getKeys()).toEqual(["a:b"]);
    await driver.clear("s2:"); // unstorage itself only clears whole mounts
    expect((await storage.getKeys()).sort()).toEqual(["s1", "s3:a:b"]);
  });
});

describe("an unstorage driver with hashed keys", () => {
  it("stores no key, and rejects a listing with an explanation", async () => {
    const store = new MemStore();
    const driver = unstorageDriver(store);
    const storage = createStorage({ driver });
    await storage.setItem("a-session-id", { user: "u1" });
    expect([...(await store.all()).keys()].join()).not.toContain("a-session-id");
    await expect(storage.getKeys()).rejects.toThrow("hashKeys: false");
    await expect(driver.clear("a:")).rejects.toThrow("hashKeys: false");
  });
});

it("an unstorage driver keeps the sessions of a server", async () => {
  const storage = open({ lifetimeMs: 3_600_000 });
  const { url, close } = await serve(async (req, res) => {
    const id = /sid=(\w+)/.exec(req.headers.cookie ?? "")?.[1] ?? "none";
    const visits = ((await storage.getItem<{ visits: number }>(id))?.visits ?? 0) + 1;
    await storage.setItem(id, { visits });
    res.end(JSON.stringify({ visits }));
  });
  const visitor = new Visitor(url, [["sid", "abc"]]);
  expect(await visitor.get()).toEqual({ visits: 1 });
  expect(await visitor.get()).toEqual({ visits: 2 });
  await close();
});
