import { MemStore } from "@scs/memstore";
import { betterAuth } from "better-auth";
import { memoryAdapter } from "better-auth/adapters/memory";
import { toNodeHandler } from "better-auth/node";
import { bearer } from "better-auth/plugins";
import { describe, expect, it } from "vitest";
import { betterAuthStorage } from "../src/better-auth.js";
import { serve } from "./fixtures/serve.js";
import { Visitor } from "./fixtures/visitor.js";

const secret = "a secret of thirty-two characters, or more";
const account = { email: "u1@example.com", password: "correct horse", name: "u1" };

async function start(store: MemStore) {
  const storage = betterAuthStorage(store, { secret });
  const auth = betterAuth({
    ...{
      secret,
      baseURL: "http://127.0.0.1",
      trustedOrigins: ["http://127.0.0.1"],
      secondaryStorage: storage,
    },
    database: memoryAdapter({ user: [], account: [], verification: [] }),
    // A fast hash: passwords are not tested here.
    emailAndPassword: {
      enabled: true,
      password: { hash: async (text) => text, verify: async ({ hash, password }) => hash === password },
    },
    session: { updateAge: 0 }, // each request refreshes the session
    rateLimit: { enabled: true, window: 60, max: 1000 },
    plugins: [bearer()],
    telemetry: { enabled: false },
  });
  const { url, close } = await serve(toNodeHandler(auth));
  return { url, storage, [Symbol.asyncDispose]: close };
}

const post = (visitor: Visitor, path: string, body: object = {}) =>
  visitor.send(`/api/auth${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", origin: "http://127.0.0.1" },
  });

const whoIs = async (visitor: Visitor, headers = {}) =>
  JSON.parse((await visitor.send("/api/auth/get-session", { headers })).body)?.user?.name;

async function signedUp(url: string): Promise<{ visitor: Visitor; token: string }> {
  const visitor = new Visitor(url);
  const { status, body } = await post(visitor, "/sign-up/email", account);
  expect(status).toBe(200);
  return { visitor, token: JSON.parse(body).token };
}

describe("a store of ours under Better Auth", () => {
  it("keeps users signed in on several devices until each device signs out", async () => {
    await using app = await start(new MemStore());
    const { visitor } = await signedUp(app.url);
    const phone = new Visitor(app.url);
    await post(phone, "/sign-in/email", account);
    expect(await whoIs(visitor)).toBe("u1");
    const copy = phone.copy();
    await post(phone, "/sign-out");
    expect(await whoIs(copy)).toBeUndefined();
    expect(await whoIs(visitor)).toBe("u1");
  });

  it("ends the other sessions of a user on demand", async () => {
    await using app = await start(new MemStore());
    const { visitor } = await signedUp(app.url);
    const phone = new Visitor(app.url);
    await post(phone, "/sign-in/email", account);
    expect((await post(visitor, "/revoke-other-sessions")).status).toBe(200);
    expect(await whoIs(phone)).toBeUndefined();
    expect(await whoIs(visitor)).toBe("u1");
  });

  it("does not bring back a session that was signed out while a request refreshed it", async () => {
    const store = new MemStore();
    await using app = await start(store);
    const { visitor, token } = await signedUp(app.url);
    const copy = visitor.copy();
    const read = await app.storage.get(token); // as the refresh of another request does
    await post(visitor, "/sign-out");
    await app.storage.set(token, read as string, 3600);
    expect(await whoIs(copy)).toBeUndefined();
    expect(await app.storage.get(token)).toBeNull();
  });

  it("stores no readable token and no readable value", async () => {
    const store = new MemStore();
    await using app = await start(store);
    const { visitor, token } = await signedUp(app.url);
    expect(await whoIs(new Visitor(app.url), { authorization: `Bearer ${token}` })).toBe("u1");
    const records = [...(await store.all())].map(([key, data]) => `${key} ${Buffer.from(data)}`).join("\n");
    expect(records).not.toBe("");
    for (const part of [token, account.email, `"token"`]) expect(records).not.toContain(part);
    expect(await whoIs(visitor)).toBe("u1");
  });

  it("provides the counters of the rate limiter", async () => {
    const store = new MemStore();
    const storage = betterAuthStorage(store, { secret });
    const auth = betterAuth({
      ...{ secret, baseURL: "http://127.0.0.1", secondaryStorage: storage },
      database: memoryAdapter({ user: [], account: [], verification: [] }),
      rateLimit: {
        enabled: true,
        window: 60,
        max: 5,
        customRules: { "/get-session": { window: 60, max: 5 } },
      },
      advanced: { ipAddress: { ipAddressHeaders: ["x-client"] } },
      telemetry: { enabled: false },
    });
    const { url, close } = await serve(toNodeHandler(auth));
    const visitor = new Visitor(url);
    const headers = { "x-client": "10.0.0.1" };
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => visitor.send("/api/auth/get-session", { headers })),
    );
    await close();
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(5);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(7);
  });
});

describe("the secondary storage", () => {
  const open = (options = {}) => {
    const time = { now: 1_000_000 };
    const store = new MemStore({ now: () => time.now });
    return { time, store, storage: betterAuthStorage(store, { secret, now: () => time.now, ...options }) };
  };

  it("returns a value to only one caller of getAndDelete", async () => {
    const { storage } = open();
    await storage.set("verification:x", "value", 60);
    const taken = await Promise.all(Array.from({ length: 8 }, () => storage.getAndDelete("verification:x")));
    expect(taken.filter((value) => value !== null)).toEqual(["value"]);
    expect(await storage.get("verification:x")).toBeNull();
    await storage.set("verification:x", "again", 60);
    expect(await storage.get("verification:x")).toBe("again");
  });

  it("counts each increment of several instances once, and keeps the first one's expiry", async () => {
    const { storage, store, time } = open();
    const other = betterAuthStorage(store, { secret, now: () => time.now });
    const counts = await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 ? other : storage).increment("ip", 10)),
    );
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    time.now += 9_999;
    expect(await storage.increment("ip", 10)).toBe(41);
    time.now += 1;
    expect(await storage.increment("ip", 10)).toBe(1);
  });

  it("decrypts values of an earlier secret, and treats values of an unknown one as absent", async () => {
    const { storage, store } = open();
    await storage.set("key", "value", 60);
    const next = "another secret of thirty-two characters";
    const rotated = betterAuthStorage(store, { secret: [next, secret], now: () => 1_000_000 });
    expect(await rotated.get("key")).toBe("value");
    const errors: string[] = [];
    const stranger = betterAuthStorage(store, { secret: next, onError: ({ code }) => errors.push(code) });
    expect(await stranger.get("key")).toBeNull();
    expect(errors).toEqual(["CORRUPT"]);
  });

  it("rejects a value that was moved to another key", async () => {
    const { storage, store } = open({ onError: () => undefined });
    await storage.set("mine", "value", 60);
    const [[mine, data]] = [...(await store.all())] as [[string, Uint8Array]];
    await storage.set("other", "x", 60);
    const other = [...(await store.all()).keys()].find((name) => name !== mine) as string;
    await store.commit(other, data, new Date(2_000_000));
    expect(await storage.get("mine")).toBe("value");
    expect(await storage.get("other")).toBeNull();
  });

  it("refuses a secret that is missing or short", () => {
    for (const wrong of [undefined, "", "short", [], ["short"], 7])
      expect(() => betterAuthStorage(new MemStore(), { secret: wrong as never })).toThrow(/secret must be/);
  });
});
