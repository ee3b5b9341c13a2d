import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { beforeEachCall } from "./fixtures/before-each-call.js";
import { type Handler, run, type Values } from "./fixtures/running-app.js";
import { stored, valuesOf } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

const GRACE_MS = 10_000;

const answer: Handler = (session, res, req) => {
  if (req.url === "/login") session.set("userId", "u1");
  if (req.url === "/renew") session.renew({ graceMs: GRACE_MS });
  if (req.url === "/deadline") session.setDeadline(new Date(session.deadline.getTime() - 1000));
  if (req.url === "/remember") session.remember(true);
  if (req.url === "/forget") session.remember(false);
  if (req.url === "/change") session.set("page", 2);
  if (req.url === "/logout") session.destroy();
  res.end(String(session.get("userId") ?? "nobody"));
};

describe("during the grace period, a request with the old token", () => {
  it.each(["/deadline", "/forget"])("for %s gets a token that outlasts the period", async (path) => {
    await using app = await run(answer);
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const old = visitor.clone();
    await visitor.get("/renew");
    const before = old.token;
    const { setCookies } = await old.get(path);
    expect(setCookies).toHaveLength(1);
    expect(old.token).not.toBe(before);
    app.clock.advance(GRACE_MS);
    for (const each of [old, visitor]) expect((await each.get()).body).toBe("u1");
    expect(await app.sessions.exists(before as string)).toBe(false);
    await old.get("/logout");
    expect((await visitor.get()).body).toBe("nobody");
  });

  it("that only changes values gets no cookie", async () => {
    await using app = await run(answer);
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const old = visitor.clone();
    await visitor.get("/renew");
    expect((await old.get("/change")).setCookies).toEqual([]);
  });
});

describe.each([2, 20, 50])("%d concurrent renewals with grace of one session", (count) => {
  const renewing = async () => {
    const app = await stored({ userId: "u1" });
    const loaded = await Promise.all(Array.from({ length: count }, () => app.load()));
    const renewals = loaded.map((session, at) => {
      session.set(`change ${at}`, at);
      return app.sessions.renew(session, { graceMs: GRACE_MS });
    });
    return { ...app, loaded, renewals };
  };

  it("leave each client its token, and end the old one after the grace period", async () => {
    await using app = await renewing();
    await Promise.all(app.renewals);
    const tokens = app.loaded.map(({ token }) => token as string);
    expect(new Set([...tokens, app.token]).size).toBe(count + 1);
    app.clock.advance(GRACE_MS - 1);
    expect(await app.sessions.exists(app.token)).toBe(true);
    app.clock.advance(1);
    expect(await app.sessions.exists(app.token)).toBe(false);
    expect(await Promise.all(tokens.map((token) => app.sessions.exists(token)))).toEqual(
      tokens.map(() => true),
    );
    expect(await app.store.keys()).toHaveLength(1);
  });

  it("lose none of their changes", async () => {
    await using app = await renewing();
    await Promise.all(app.renewals);
    const changes = Object.fromEntries(app.loaded.map((_, at) => [`change ${at}`, at]));
    expect(valuesOf(await app.load())).toEqual({ userId: "u1", ...changes });
  });

  it("all end with a log-out in flight with the old token", async () => {
    await using app = await renewing();
    const leaving = await app.load();
    await Promise.all([...app.renewals, app.sessions.destroy(leaving)]);
    const tokens = [app.token, ...app.loaded.map(({ token }) => token)].filter((each) => each !== undefined);
    for (const token of tokens) expect(await app.sessions.exists(token)).toBe(false);
    expect(await app.store.keys()).toEqual([]);
  });
});

describe("a log-out with a renewal before each of its store calls", () => {
  const ways = [0, 1000].flatMap((graceMs) => [
    { graceMs, renewals: 1 },
    { graceMs, renewals: 3 },
  ]);

  it.each(ways)("ends the session for each of its tokens: %o", async ({ graceMs, renewals }) => {
    await beforeEachCall(async (store, { now }) => {
      const [sessions, others] = [store, store.memory].map(
        (each) => new SessionManager<Values>({ store: each, now }),
      );
      if (sessions === undefined || others === undefined) throw new Error("unreachable");
      const session = await others.load(undefined);
      await others.commit(session.set("userId", "u1"));
      const tokens = [session.token as string];
      const leaving = await sessions.load(session.token);
      return {
        operation: () => sessions.destroy(leaving),
        async meanwhile() {
          const renewing = await others.load(session.token);
          if (!renewing.has("userId")) return; // already logged out
          for (let count = 0; count < renewals; count++) {
            await others.renew(renewing, { graceMs });
            tokens.push(renewing.token as string);
          }
        },
        async check(label) {
          for (const token of tokens) expect(await others.exists(token), label).toBe(false);
          expect(await store.memory.all(), label).toEqual(new Map());
        },
      };
    });
  });
});

describe("a renewal whose store call fails", () => {
  it.each([0, 1000])("after its effect leaves the client a valid token (grace %d ms)", async (graceMs) => {
    await using app = await stored({ userId: "u1" });
    const session = await app.load();
    const replace = app.store.replace.bind(app.store);
    app.store.replace = async (...args) => {
      await replace(...args);
      throw new Error("the connection is lost");
    };
    const header = await app.sessions.renew(session, { graceMs }).catch(() => undefined);
    app.store.replace = replace;
    const token = header?.cookie?.value ?? app.token;
    expect(valuesOf(await app.sessions.load(token))).toEqual({ userId: "u1" });
    await app.sessions.commit(session.set("page", 2));
    expect(valuesOf(await app.sessions.load(session.token))).toEqual({ userId: "u1", page: 2 });
  });
});

it("a grace period that ends during a save with the old token does not affect the new one", async () => {
  for (let left = 0; left < 30; left++) {
    let [ms, ticks] = [Date.UTC(2031, 4, 17), Number.POSITIVE_INFINITY];
    // In each round, the period ends one reading of the clock later.
    const now = () => (ticks-- > 0 ? ms : ms + GRACE_MS);
    await using store = new MemStore({ now: () => ms, cleanupIntervalMs: 0 });
    const sessions = new SessionManager<Values>({ store, now });
    const session = await sessions.load(undefined);
    await sessions.commit(session.set("userId", "u1"));
    const old = await sessions.load(session.token);
    await sessions.renew(session, { graceMs: GRACE_MS });
    const late = await sessions.load(old.token);
    late.setDeadline(new Date(ms + 3_600_000));
    ticks = left;
    const header = await sessions.commit(late);
    ticks = Number.POSITIVE_INFINITY;
    ms += GRACE_MS + 60_000;
    const label = `after ${left} looks at the clock`;
    expect(await sessions.exists(session.token as string), label).toBe(true);
    const given = header?.cookie?.value;
    if (given !== undefined) expect(await sessions.exists(given), label).toBe(true);
  }
});
