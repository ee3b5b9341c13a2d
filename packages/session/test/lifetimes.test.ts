import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { type Handler, run, type Values } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

/** Answers with the logged-in user. */
const answer: Handler = (session, res, req) => {
  if (req.url === "/login") session.set("userId", "u1");
  if (req.url === "/change") session.set("page", Number(session.get("page") ?? 0) + 1);
  if (req.url === "/renew") session.renew();
  if (req.url === "/renew-all") session.renew({ newLifetime: true });
  res.end(session.has("userId") ? "u1" : "nobody");
};

async function loggedIn(options: { lifetimeMs?: number; idleTimeoutMs?: number; touchAfterMs?: number }) {
  const app = await run(answer, options);
  const visitor = new Visitor(app.url);
  await visitor.get("/login");
  return {
    app,
    visitor,
    /** Moves the clock, and returns the answer to a request. */
    async after(ms: number, path = "/"): Promise<string> {
      app.clock.advance(ms);
      return (await visitor.get(path)).body;
    },
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

describe("the absolute lifetime", () => {
  it("ends at the millisecond, however much the session is used", async () => {
    await using session = await loggedIn({ lifetimeMs: 10_000 });
    expect(await session.after(5000)).toBe("u1");
    expect(await session.after(4999)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });

  it("is not prolonged by changes", async () => {
    await using session = await loggedIn({ lifetimeMs: 10_000 });
    expect(await session.after(9999, "/change")).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });

  it("is not prolonged by renewal, unless asked", async () => {
    await using session = await loggedIn({ lifetimeMs: 10_000 });
    expect(await session.after(9000, "/renew")).toBe("u1");
    expect(await session.after(999)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });

  it("begins anew with renewal, if asked", async () => {
    await using session = await loggedIn({ lifetimeMs: 10_000 });
    expect(await session.after(9000, "/renew-all")).toBe("u1");
    expect(await session.after(9999)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });

  it("is 24 hours by default", async () => {
    await using session = await loggedIn({});
    expect(await session.after(86_399_999)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });

  it("is enforced even if the store keeps the record longer", async () => {
    await using session = await loggedIn({ lifetimeMs: 10_000 });
    const [key] = await session.app.store.keys();
    await session.app.store.memory.touch(key as string, new Date(session.app.clock.now() + 99_000));
    expect(await session.after(9999)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });

  it("is enforced even if the clock of the store is slow", async () => {
    await using session = await loggedIn({ lifetimeMs: 10_000 });
    const { clock, store } = session.app;
    let now = clock.now();
    const sessions = new SessionManager<Values>({ store, now: () => now, lifetimeMs: 10_000 });
    const late = await sessions.load(session.visitor.token);
    now += 10_000;
    store.takeCalls();
    expect(await sessions.commit(late.set("page", 2))).toBeUndefined();
    expect(late.status).toBe("destroyed");
    expect(store.takeCalls()).toEqual([]);
  });

  it("may be longer than the maximum of timers", async () => {
    const days30 = 30 * 86_400_000;
    await using session = await loggedIn({ lifetimeMs: days30 });
    expect(await session.after(days30 - 1)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });
});

describe("the idle timeout", () => {
  it("ends a session that is not used, at the millisecond", async () => {
    await using session = await loggedIn({ idleTimeoutMs: 1000, touchAfterMs: 0 });
    expect(await session.after(999)).toBe("u1");
    expect(await session.after(1000)).toBe("nobody");
  });

  it("begins anew with each use", async () => {
    await using session = await loggedIn({ idleTimeoutMs: 1000, touchAfterMs: 0 });
    for (let use = 0; use < 10; use++) expect(await session.after(999)).toBe("u1");
    expect(await session.after(1000)).toBe("nobody");
  });

  it("begins anew with each change and renewal", async () => {
    await using session = await loggedIn({ idleTimeoutMs: 1000, touchAfterMs: 999 });
    expect(await session.after(998, "/change")).toBe("u1");
    expect(await session.after(998, "/renew")).toBe("u1");
    expect(await session.after(998)).toBe("u1");
    expect(await session.after(2)).toBe("nobody");
  });

  it("counts from the last touch, so it may end the session up to touchAfterMs early", async () => {
    await using session = await loggedIn({ idleTimeoutMs: 1000, touchAfterMs: 100 });
    expect(await session.after(99)).toBe("u1"); // no touch
    expect(await session.after(900)).toBe("u1"); // a touch
    expect(await session.after(99)).toBe("u1"); // no touch
    expect(await session.after(901)).toBe("nobody");
  });

  it("is off by default", async () => {
    await using session = await loggedIn({ lifetimeMs: 10_000 });
    expect(await session.after(9999)).toBe("u1");
  });
});

describe("both together", () => {
  it("the absolute lifetime ends a session in use", async () => {
    await using session = await loggedIn({ lifetimeMs: 2500, idleTimeoutMs: 1000, touchAfterMs: 0 });
    expect(await session.after(900)).toBe("u1");
    expect(await session.after(900)).toBe("u1");
    expect(await session.after(699)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
  });

  it("a use never keeps the record beyond the absolute deadline", async () => {
    await using session = await loggedIn({ lifetimeMs: 1500, idleTimeoutMs: 1000, touchAfterMs: 0 });
    const deadline = session.app.clock.now() + 1500;
    for (const path of ["/", "/change", "/renew"]) {
      await session.after(450, path);
      const [key] = await session.app.store.keys();
      const expiry = (await session.app.store.memory.find(key as string))?.expiry.getTime();
      expect(expiry).toBe(Math.min(deadline, session.app.clock.now() + 1000));
    }
  });

  it("an idle timeout beyond the lifetime changes nothing", async () => {
    await using session = await loggedIn({ lifetimeMs: 1000, idleTimeoutMs: 5000, touchAfterMs: 0 });
    expect(await session.after(999)).toBe("u1");
    expect(await session.after(1)).toBe("nobody");
    expect(session.app.store.calls).not.toContain("touch");
  });
});

describe("a session that expires during its request does not come back", () => {
  const absolute = { lifetimeMs: 1000 };
  const idle = { idleTimeoutMs: 1000, touchAfterMs: 0 };

  it.each([
    ["a change", "/change", "replace", absolute],
    ["a renewal", "/renew", "replace", absolute],
    ["a renewal with a new lifetime", "/renew-all", "replace", absolute],
    ["a change of an idle one", "/change", "replace", idle],
    ["a renewal of an idle one", "/renew", "replace", idle],
    ["a renewal of an idle one with a new lifetime", "/renew-all", "replace", idle],
    ["a mere use of an idle one", "/", "touch", idle],
  ] as const)("by %s", async (_, path, method, options) => {
    await using session = await loggedIn(options);
    const { store, clock, errors } = session.app;
    const write = store.pause(method);
    const late = session.visitor.get(path);
    await write.reached;
    clock.advance(1000);
    write.release();
    const gifts = (await late).setCookies.filter((cookie) => !cookie.includes("Max-Age=0"));
    expect(gifts).toEqual([]);
    expect(await store.contents()).toEqual([]);
    expect(errors).toEqual([]);
    expect(await session.after(0)).toBe("nobody");
  });
});
