import { inspect } from "node:util";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { SessionManager, type SessionManagerOptions } from "../src/index.js";
import { TOKEN_LENGTH } from "./fixtures/made-up-token.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import type { Values } from "./fixtures/running-app.js";

let clock: MovingClock;
let store: RecordingStore;
let sessions: SessionManager<Values>;

const managing = (options: Partial<SessionManagerOptions> = {}) =>
  new SessionManager<Values>({ store, now: clock.now, ...options });

beforeEach(() => {
  clock = new MovingClock();
  store = new RecordingStore(clock.now);
  sessions = managing();
});

afterEach(() => store[Symbol.asyncDispose]());

describe("a session as a map", () => {
  it("gets, sets, has, deletes and lists", async () => {
    const session = await sessions.load(undefined);
    expect(session.set("a", 1).set("b", "two")).toBe(session);
    expect(session.get("a")).toBe(1);
    expect(session.get("c")).toBeUndefined();
    expect([session.has("a"), session.has("c")]).toEqual([true, false]);
    expect([...session.keys()]).toEqual(["a", "b"]);
    expect(session.delete("a")).toBe(true);
    expect(session.delete("a")).toBe(false);
    expect([...session.keys()]).toEqual(["b"]);
    session.clear();
    expect([...session.keys()]).toEqual([]);
  });

  it("pops a value", async () => {
    const session = await sessions.load(undefined);
    session.set("flash", { text: "Saved." });
    expect(session.pop("flash")).toEqual({ text: "Saved." });
    expect(session.has("flash")).toBe(false);
    expect(session.pop("flash")).toBeUndefined();
  });

  it("behaves like a Map for any operations, saves and loads", async () => {
    const key = fc.constantFrom("a", "b", "__proto__", "constructor", "0", "");
    const step = fc.oneof(
      fc.record({ kind: fc.constant("set" as const), key, value: fc.jsonValue({ maxDepth: 2 }) }),
      fc.record({ kind: fc.constantFrom("get", "delete", "pop", "has", "push"), key }),
      fc.record({ kind: fc.constantFrom("clear", "commit", "reload", "renew", "destroy"), key }),
    );
    const plain = (value: unknown) => (value === undefined ? undefined : JSON.parse(JSON.stringify(value)));
    const property = fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const map = new Map<string, unknown>();
      let saved = new Map<string, unknown>();
      let session = await sessions.load(undefined);
      for (const { kind, key, ...rest } of steps) {
        if (kind === "set") {
          const value = plain((rest as { value: unknown }).value);
          session.set(key, value);
          map.set(key, plain(value));
        }
        if (kind === "get") expect(plain(session.get(key))).toEqual(plain(map.get(key)));
        if (kind === "has") expect(session.has(key)).toBe(map.has(key));
        if (kind === "delete") expect(session.delete(key)).toBe(map.delete(key));
        if (kind === "pop") {
          expect(plain(session.pop(key))).toEqual(plain(map.get(key)));
          map.delete(key);
        }
        if (kind === "push" && Array.isArray(map.get(key))) {
          (session.get(key) as unknown[]).push("more");
          (map.get(key) as unknown[]).push("more");
        }
        if (kind === "clear") {
          session.clear();
          map.clear();
        }
        if (kind === "renew") session.renew();
        if (kind === "destroy") {
          session.destroy();
          map.clear();
        }
        if (kind === "commit" || kind === "reload") {
          await sessions.commit(session);
          expect(session.status).not.toBe("modified");
          saved = new Map(map);
        }
        if (kind === "reload") session = await sessions.load(session.token);
      }
      await sessions.commit(session);
      saved = map;
      const reloaded = await sessions.load(session.token);
      const values = Object.fromEntries([...reloaded.keys()].map((name) => [name, reloaded.get(name)]));
      expect(values).toEqual(Object.fromEntries(saved));
      await sessions.destroy(session);
      expect(await store.keys()).toEqual([]);
    });
    await fc.assert(property, { numRuns: 200 });
  });
});

describe("its status", () => {
  it("is unmodified as long as there is nothing to save", async () => {
    const session = await sessions.load(undefined);
    expect(session.status).toBe("unmodified");
    session.set("a", 1).delete("a");
    expect(session.status).toBe("unmodified");
    session.renew();
    expect(session.status).toBe("unmodified");
  });

  it("is modified by each change, until it is saved", async () => {
    const session = await sessions.load(undefined);
    for (const change of [
      () => session.set("a", [1]),
      () => (session.get("a") as number[]).push(2),
      () => session.renew(),
      () => session.set("b", 1),
      () => session.pop("b"),
      () => session.clear(),
    ]) {
      change();
      expect(session.status).toBe("modified");
      await sessions.commit(session);
      expect(session.status).toBe("unmodified");
    }
  });

  it("is modified, without an error, for a value that cannot be saved", async () => {
    const session = await sessions.load(undefined);
    session.set("a", [1]);
    await sessions.commit(session);
    (session.get("a") as unknown[]).push(Symbol("x"));
    expect(session.status).toBe("modified");
    await expect(sessions.commit(session)).rejects.toMatchObject({ code: "INVALID_VALUE" });
  });

  it("is destroyed after destroy(), until a value is set", async () => {
    const session = await sessions.load(undefined);
    session.set("a", 1);
    await sessions.commit(session);
    session.destroy();
    expect(session.status).toBe("destroyed");
    await sessions.commit(session);
    expect(session.status).toBe("destroyed");
    session.set("b", 2);
    expect(session.status).toBe("modified");
    await sessions.commit(session);
    expect(session.status).toBe("unmodified");
  });
});

describe("its token and deadline", () => {
  it("are those of the saved session", async () => {
    const session = await sessions.load(undefined);
    const deadline = new Date(clock.now() + 86_400_000);
    const { token } = session;
    expect(token).toHaveLength(TOKEN_LENGTH);
    expect(session.deadline).toEqual(deadline);
    await sessions.commit(session.set("a", 1));
    expect(session.token).toBe(token);
    clock.advance(5000);
    const reloaded = await sessions.load(session.token);
    expect(reloaded.token).toBe(session.token);
    expect(reloaded.deadline).toEqual(deadline);
    session.destroy();
    expect(session.token).toBeUndefined();
    expect(session.deadline).toEqual(new Date(clock.now() + 86_400_000));
  });

  it("cannot be changed through the returned date", async () => {
    const session = await sessions.load(undefined);
    session.deadline.setTime(0);
    expect(session.deadline.getTime()).toBe(clock.now() + 86_400_000);
  });
});

it("can be stored with the app's own codec", async () => {
  const codec = {
    encode: (content: unknown) => Buffer.from(JSON.stringify(content)).reverse(),
    decode: (data: Uint8Array) => JSON.parse(Buffer.from(data).reverse().toString()),
  };
  const reversing = managing({ codec });
  const session = await reversing.load(undefined);
  session.set("when", [1]);
  await reversing.commit(session);
  const reloaded = await reversing.load(session.token);
  (reloaded.get("when") as number[]).push(2);
  await reversing.commit(reloaded);
  expect((await reversing.load(session.token)).get("when")).toEqual([1, 2]);
});

it("shows neither token nor values when it, its manager or an error is printed", async () => {
  const session = await sessions.load(undefined);
  session.set("password", "a secret value");
  await sessions.commit(session);
  const reloaded = await sessions.load(session.token);
  reloaded.set("later", "a secret value");
  reloaded.set("list", ["a secret value", Symbol("a secret value")]);
  const error = await sessions.commit(reloaded).catch((error: unknown) => error);
  expect(error).toMatchObject({ code: "INVALID_VALUE" });
  const [key] = await store.keys();
  for (const printed of [reloaded, sessions, error]) {
    const text = `${inspect(printed, { depth: null, showHidden: true })} ${JSON.stringify(printed)} ${String(printed)}`;
    expect(text).not.toContain("secret");
    expect(text).not.toContain(session.token);
    expect(text).not.toContain(key);
  }
});
