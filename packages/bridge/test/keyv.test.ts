import keyvTestSuite, { keyvApiTests, keyvNamespaceTest, keyvValueTests } from "@keyv/test-suite";
import { MemStore } from "@scs/memstore";
import Keyv from "keyv";
import * as vitest from "vitest";
import { KeyvAdapter } from "../src/keyv.js";

const { describe, expect, it } = vitest;

describe("Keyv's own tests, with unhashed keys", () => {
  const store = new MemStore();
  keyvTestSuite(vitest, Keyv, () => new KeyvAdapter(store, { hashKeys: false }));
});

describe("Keyv's own tests of values, names and expiry, with hashed keys", () => {
  const store = new MemStore();
  for (const tests of [keyvApiTests, keyvNamespaceTest, keyvValueTests])
    tests(vitest, Keyv, () => new KeyvAdapter(store));
});

describe("the adapter for Keyv", () => {
  it("stores only hashed keys by default", async () => {
    const store = new MemStore();
    const keyv = new Keyv({ store: new KeyvAdapter(store), namespace: "sessions" });
    await keyv.set("a-session-id", { user: "u1" });
    expect([...(await store.all()).keys()].join()).not.toContain("a-session-id");
    expect(await keyv.get("a-session-id")).toEqual({ user: "u1" });
    expect(new KeyvAdapter(store).iterator).toBeUndefined();
  });

  it("removes a value at the end of its lifetime", async () => {
    const time = { now: Date.now() };
    const now = () => time.now;
    const adapter = new KeyvAdapter(new MemStore({ now }), { now });
    await adapter.set("one", "value", 1000);
    await adapter.setMany([
      { key: "two", value: "value", ttl: 1000 },
      { key: "for good", value: "value" },
    ]);
    const keys = ["one", "two", "for good"];
    time.now += 999;
    expect(await adapter.hasMany(keys)).toEqual([true, true, true]);
    time.now += 1;
    expect(await adapter.hasMany(keys)).toEqual([false, false, true]);
    time.now += 10 * 365 * 86_400_000;
    expect(await adapter.get("for good")).toBe("value");
  });

  it("returns text, bytes and JSON values unchanged", async () => {
    const adapter = new KeyvAdapter(new MemStore());
    const values = { text: "text", bytes: Buffer.from([0, 255]), object: { a: [1] }, nothing: null };
    for (const [key, value] of Object.entries(values)) await adapter.set(key, value);
    expect(await adapter.getMany(Object.keys(values))).toEqual(Object.values(values));
  });
});
