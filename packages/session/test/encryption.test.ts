import { randomBytes } from "node:crypto";
import type { StoreError } from "@scs/core";
import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { EncryptedStore, type EncryptedStoreOptions } from "../src/encrypted.js";
import { SessionManager } from "../src/index.js";
import { RecordingStore } from "./fixtures/recording-store.js";

const [first, second] = [
  { id: "2026", key: randomBytes(32) },
  { id: "2027", key: randomBytes(32) },
];
const later = new Date(Date.now() + 3_600_000);
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** Opens encrypted stores with different keys over one underlying store. */
function open() {
  const below = new MemStore({ cleanupIntervalMs: 0 });
  const errors: StoreError[] = [];
  const over = (...keys: EncryptedStoreOptions["keys"]) =>
    new EncryptedStore(below, { keys, onError: (error) => errors.push(error) });
  return { below, errors, over };
}

async function textOf(store: { find: EncryptedStore["find"] }, token: string): Promise<string | undefined> {
  const record = await store.find(token);
  return record && Buffer.from(record.data).toString();
}

describe("the underlying store", () => {
  it("sees neither content nor equal bytes, only the ID of the key", async () => {
    const { below, over } = open();
    const store = over(first);
    await store.commit("t", bytes("the secret"), later);
    const one = Buffer.from((await below.find("t"))?.data ?? []);
    await store.commit("t", bytes("the secret"), later);
    const two = Buffer.from((await below.find("t"))?.data ?? []);
    expect(one.toString("latin1")).not.toContain("secret");
    expect(one.toString("latin1")).toContain("2026");
    expect(one.equals(two)).toBe(false);
    expect(await textOf(store, "t")).toBe("the secret");
  });

  it("gets one call per operation on a record that was read before", async () => {
    const below = new RecordingStore();
    const full = Object.assign(below, {
      entries: () => below.memory.entries(),
      deleteExpired: () => below.memory.deleteExpired(),
      stopCleanup: () => below.memory.stopCleanup(),
    });
    const store = new EncryptedStore(full as never, { keys: [first] });
    const sessions = new SessionManager<Record<string, unknown>>({ store });
    const session = await sessions.load(undefined);
    await sessions.commit(session.set("a", 1));
    expect(below.takeCalls()).toEqual(["replace"]);
    const again = await sessions.load(session.token);
    await sessions.commit(again.set("a", 2));
    expect(below.takeCalls()).toEqual(["find", "replace"]);
  });
});

describe("a record", () => {
  it("that was moved counts as absent, and is reported", async () => {
    const { below, errors, over } = open();
    const store = over(first);
    await store.commit("mine", bytes("admin"), later);
    await store.commit("yours", bytes("guest"), later);
    await below.commit("yours", (await below.find("mine"))?.data as Uint8Array, later);
    expect(await textOf(store, "yours")).toBeUndefined();
    expect(await textOf(store, "mine")).toBe("admin");
    expect(errors).toMatchObject([{ code: "CORRUPT" }]);
    expect(String(errors[0])).not.toMatch(/admin|yours|mine/);
  });

  it("that was changed or cut counts as absent, and can be replaced", async () => {
    const { below, errors, over } = open();
    const store = over(first);
    await store.commit("t", bytes("data"), later);
    const whole = (await below.find("t"))?.data as Uint8Array;
    for (let at = 0; at < whole.length; at++) {
      const changed = whole.slice();
      changed[at] = (changed[at] as number) ^ 1;
      await below.commit("t", changed, later);
      expect(await store.find("t"), `byte ${at}`).toBeUndefined();
      await below.commit("t", whole.slice(0, at), later);
      expect(await store.find("t"), `cut at ${at}`).toBeUndefined();
    }
    expect(errors).toHaveLength(2 * whole.length);
    expect(await store.replace("t", undefined, bytes("new"), later)).toBe(true);
    expect(await textOf(store, "t")).toBe("new");
    expect((await store.all()).size).toBe(1);
  });

  it("that is not encrypted counts as absent, or is encrypted at its next write", async () => {
    const { below, over } = open();
    await below.commit("t", bytes('{"version":1}'), later);
    expect(await over(first).find("t")).toBeUndefined();
    const mixed = new EncryptedStore(below, { keys: [first], acceptUnencrypted: true });
    expect(await textOf(mixed, "t")).toBe('{"version":1}');
    expect(await mixed.replace("t", bytes('{"version":1}'), bytes("next"), later)).toBe(true);
    expect(await textOf(over(first), "t")).toBe("next");
  });
});

describe("keys", () => {
  it("are rotated while every host can always read the records of the others", async () => {
    const { errors, over } = open();
    // Each step is rolled out host by host: two neighbours must understand each other.
    const steps = [[first], [first, second], [second, first], [second]];
    const before = over(first);
    await before.commit("old", bytes("old"), later);
    for (const [at, keys] of steps.entries()) {
      const [here, there] = [over(...(steps[Math.max(0, at - 1)] as typeof keys)), over(...keys)];
      for (const [from, to] of [
        [here, there],
        [there, here],
      ] as const) {
        await from.commit("t", bytes(`step ${at}`), later);
        expect(await textOf(to, "t")).toBe(`step ${at}`);
        expect(await to.replace("t", bytes(`step ${at}`), bytes("next"), later)).toBe(true);
        expect(await textOf(from, "t")).toBe("next");
      }
    }
    expect(errors).toEqual([]);
    expect(await over(second).find("old"), "whose key is gone").toBeUndefined();
    expect(errors).toMatchObject([{ code: "CORRUPT" }]);
  });

  it("may be given in base64 and base64url", async () => {
    const { over } = open();
    await over(first).commit("t", bytes("data"), later);
    for (const encoding of ["base64", "base64url"] as const) {
      expect(await textOf(over({ id: "2026", key: first.key.toString(encoding) }), "t")).toBe("data");
    }
  });

  it.each([
    [undefined, /keys is missing/],
    [[], /keys is missing/],
    [[{ id: "", key: randomBytes(32) }], /an id must be 1 to 32/],
    [[{ id: "a b", key: randomBytes(32) }], /an id must be 1 to 32/],
    [[{ id: "x".repeat(33), key: randomBytes(32) }], /an id must be 1 to 32/],
    [[{ id: "a", key: randomBytes(16) }], /must have 32 bytes.*got 16/],
    [[{ id: "a", key: "password" }], /must have 32 bytes/],
    [[{ id: "a" }], /must have 32 bytes/],
    [[first, { ...second, id: first.id }], /two keys have the same id/],
  ])("refuses %o", (keys, message) => {
    const { below } = open();
    expect(() => new EncryptedStore(below, { keys: keys as never })).toThrow(message);
  });

  it("never appear in an error", () => {
    const { below } = open();
    try {
      new EncryptedStore(below, { keys: [{ id: "a", key: "cGFzc3dvcmQ" }] });
    } catch (error) {
      expect(String(error)).not.toContain("cGFzc3dvcmQ");
    }
  });
});

describe("replace by two clients", () => {
  it("succeeds for only one of them, in one process or two", async () => {
    const { over } = open();
    for (let round = 0; round < 20; round++) {
      const hosts = [over(first), over(first), over(first)];
      await hosts[0]?.commit("t", bytes("before"), later);
      const won = await Promise.all(
        hosts.map((host, at) => host.replace("t", bytes("before"), bytes(`host ${at}`), later)),
      );
      expect(won.filter(Boolean)).toHaveLength(1);
      expect(await textOf(over(first), "t")).toBe(`host ${won.indexOf(true)}`);
    }
  });

  it("succeeds if the other only encrypted the same data again", async () => {
    const { over } = open();
    const [one, other] = [over(first), over(first)];
    await one.commit("t", bytes("same"), later);
    await other.find("t");
    await one.commit("t", bytes("same"), later);
    expect(await other.replace("t", bytes("same"), bytes("next"), later)).toBe(true);
  });
});

it("refuses an underlying store without compare-and-swap, and an unknown option", () => {
  const { below } = open();
  const plain = { find: below.find, commit: below.commit, delete: below.delete };
  expect(() => new EncryptedStore(plain as never, { keys: [first] })).toThrow("has no replace()");
  expect(() => new EncryptedStore(below, { keys: [first], secret: "x" } as never)).toThrow(
    /no option "secret"/,
  );
});

it("disposal leaves the underlying store open", async () => {
  const { below, over } = open();
  const store = over(first);
  await store[Symbol.asyncDispose]();
  await expect(store.find("t")).rejects.toMatchObject({ code: "CLOSED" });
  expect(await below.find("t")).toBeUndefined();
});
