import { MemStore } from "@scs/memstore";
import expressSession from "express-session";
import { expect, it } from "vitest";
import session, { type OldStore } from "../src/index.js";
import { Browser } from "./fixtures/browser.js";
import { loggedIn, SECRET, serveOld, shop } from "./fixtures/old-app.js";
import { serve } from "./fixtures/serve.js";

async function deployed(importFrom: OldStore, rollback = true) {
  const store = new MemStore({ cleanupIntervalMs: 0 });
  const handler = session({ secret: SECRET, saveUninitialized: false, store, importFrom, rollback });
  const served = await serve(shop(handler));
  return {
    sessions: handler.sessions,
    browser: (cookies?: Map<string, string>) => new Browser(served.url, Object.fromEntries(cookies ?? [])),
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

const ids = (store: expressSession.MemoryStore) =>
  new Promise<string[]>((resolve) => store.all?.((_error, all) => resolve(Object.keys(all ?? {}))));

it("express-session finds old and new sessions after a rollback", async () => {
  const old = new expressSession.MemoryStore();
  const cookies = await loggedIn(old);
  await using app = await deployed(old);
  const [imported, begun] = [app.browser(cookies), app.browser()];
  await imported.get("/add/tea");
  await begun.get("/login?remember");
  await begun.get("/add/cake");
  await using before = await serveOld(old);
  for (const [{ cookies: own }, item] of [
    [imported, "tea"],
    [begun, "cake"],
  ] as const) {
    const browser = new Browser(before.url, Object.fromEntries(own));
    expect((await browser.get("/who")).json()).toBe("ada");
    expect((await browser.get("/add/milk")).json()).toEqual([item, "milk"]);
  }
  const remembered = new Browser(before.url, Object.fromEntries(begun.cookies));
  expect((await remembered.get("/cookie")).json()).toBeGreaterThan(29 * 86_400_000);
});

it("without the option, nothing is written to the old store", async () => {
  const old = new expressSession.MemoryStore();
  await using app = await deployed(old, false);
  await app.browser().get("/login");
  expect(await ids(old)).toEqual([]);
});

it("a log-out stays valid after the rollback", async () => {
  const old = new expressSession.MemoryStore();
  await using app = await deployed(old);
  const browser = app.browser();
  await browser.get("/login");
  const { cookies } = browser.clone();
  await browser.get("/logout");
  expect(await ids(old)).toEqual([]);
  await using before = await serveOld(old);
  expect((await new Browser(before.url, Object.fromEntries(cookies)).get("/who")).json()).toBeNull();
});

it("removes a copy that is written after the log-out", async () => {
  const old = new expressSession.MemoryStore();
  let isSlow = false;
  let reached: () => void = () => undefined;
  const isWriting = new Promise<void>((resolve) => {
    reached = resolve;
  });
  let release: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const slow: OldStore = {
    get: (id, callback) => old.get(id, callback),
    destroy: (id, callback) => old.destroy(id, callback),
    async set(id, data, callback) {
      if (isSlow) {
        reached();
        await gate;
      }
      old.set(id, data, callback);
    },
  };
  await using app = await deployed(slow);
  const browser = app.browser();
  await browser.get("/login");
  isSlow = true;
  const late = browser.clone().get("/add/tea");
  await isWriting;
  await browser.get("/logout");
  release();
  await late;
  expect(await ids(old)).toEqual([]);
});
