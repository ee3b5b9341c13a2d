import type { Store } from "@scs/core";
import { MemStore } from "@scs/memstore";
import { expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { collectWarnings } from "./fixtures/process-warnings.js";
import type { Values } from "./fixtures/running-app.js";

/** The minimal store. */
function plainStore(now: () => number): Store & { calls: string[]; memory: MemStore } {
  const memory = new MemStore({ now, cleanupIntervalMs: 0 });
  const calls: string[] = [];
  return {
    ...{ memory, calls },
    async find(token) {
      calls.push("find");
      return memory.find(token);
    },
    async commit(token, data, expiry) {
      calls.push("commit");
      return memory.commit(token, data, expiry);
    },
    async delete(token) {
      calls.push("delete");
      return memory.delete(token);
    },
  };
}

it("a store with only find, commit and delete works", async () => {
  await using _warnings = collectWarnings();
  const clock = new MovingClock();
  const store = plainStore(clock.now);
  const options = { now: clock.now, idleTimeoutMs: 1000, touchAfterMs: 0 };
  const sessions = new SessionManager<Values>({ store, ...options });
  const session = await sessions.load(undefined);
  session.set("userId", "u1");
  expect(String(await sessions.commit(session))).toContain(`=${session.token};`);
  const first = session.token;

  const changed = await sessions.load(first);
  changed.set("page", 2);
  expect(await sessions.commit(changed)).toBeUndefined();
  expect(String(await sessions.renew(changed))).toContain(`=${changed.token};`);
  expect([...(await sessions.load(first)).keys()]).toEqual([]);
  expect([...(await sessions.load(changed.token)).keys()]).toEqual(["userId", "page"]);

  clock.advance(900);
  await sessions.commit(await sessions.load(changed.token)); // extends the idle timeout
  clock.advance(900);
  const alive = await sessions.load(changed.token);
  expect([...alive.keys()]).toEqual(["userId", "page"]);
  await sessions.destroy(alive);
  expect(store.memory.size).toBe(0);
  expect(store.calls.filter((call) => call !== "find")).toEqual([
    ...["commit", "commit", "commit"], // created, changed, renewed
    ...["commit", "delete"], // used, destroyed
  ]);
});

it("the constructor warns once about the limits of such a store", async () => {
  await using warnings = collectWarnings();
  const store = plainStore(Date.now);
  const sessions = new SessionManager({ store });
  const session = await sessions.load(undefined);
  session.set("a", 1);
  await sessions.commit(session);
  expect(await warnings.emitted()).toEqual([
    expect.objectContaining({
      name: "SessionManager",
      code: "SCS_NOT_ATOMIC",
      message:
        "the session store has no replace(): parallel requests may lose changes, and a late save may bring an ended session back",
    }),
  ]);
});

it("the constructor does not warn about a store with replace", async () => {
  await using warnings = collectWarnings();
  new SessionManager({ store: new MemStore({ cleanupIntervalMs: 0 }) });
  expect(await warnings.emitted()).toEqual([]);
});

it("without touch, replace extends a session, and revives none", async () => {
  const clock = new MovingClock();
  const memory = new MemStore({ now: clock.now, cleanupIntervalMs: 0 });
  const calls: string[] = [];
  const store = Object.assign(plainStore(clock.now), {
    find: memory.find.bind(memory),
    delete: memory.delete.bind(memory),
    replace: (...args: Parameters<MemStore["replace"]>) => {
      calls.push("replace");
      return memory.replace(...args);
    },
  });
  const sessions = new SessionManager<Values>({
    ...{ store, now: clock.now, idleTimeoutMs: 1000, touchAfterMs: 0 },
  });
  const session = await sessions.load(undefined);
  session.set("userId", "u1");
  await sessions.commit(session);
  clock.advance(900);
  const used = await sessions.load(session.token);
  await sessions.commit(used);
  expect(calls).toEqual(["replace", "replace"]);
  clock.advance(900);
  const changed = await sessions.load(session.token);
  const overtaken = await sessions.load(session.token);
  await sessions.commit(changed.set("page", 2));
  await sessions.commit(overtaken); // a mere use: the change has already moved the expiry
  expect(overtaken.status).toBe("unmodified");
  expect(overtaken.get("userId")).toBe("u1");
  const [late, other] = [await sessions.load(session.token), await sessions.load(session.token)];
  expect(late.get("userId")).toBe("u1");
  await sessions.destroy(other);
  await sessions.commit(late);
  expect(memory.size).toBe(0);
});
