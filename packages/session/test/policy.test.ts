import type { SessionRecord } from "@scs/core";
import { describe, expect, it } from "vitest";
import { type PolicyName, SessionManager } from "../src/index.js";
import type { RecordingStore } from "./fixtures/recording-store.js";
import { run } from "./fixtures/running-app.js";
import { stored, valuesOf } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

async function recordIn(store: RecordingStore): Promise<SessionRecord | undefined> {
  const [key = ""] = await store.keys();
  return store.find(key);
}

const [MINUTE_MS, HOUR_MS, DAY_MS] = [60_000, 3_600_000, 86_400_000];

describe("policy", () => {
  it.each([
    ["aal1", 30 * DAY_MS, undefined],
    ["aal2", DAY_MS, HOUR_MS],
    ["aal3", 12 * HOUR_MS, 15 * MINUTE_MS],
  ] as const)("%s ends sessions when NIST SP 800-63B-4 says", async (policy, lifetimeMs, idleTimeoutMs) => {
    await using app = await stored({ userId: "u1" }, { policy });
    const begun = app.clock.now();
    expect((await app.load()).deadline).toEqual(new Date(begun + lifetimeMs));
    if (idleTimeoutMs !== undefined) {
      app.clock.advance(idleTimeoutMs - 1);
      await app.sessions.commit(await app.load());
      app.clock.advance(idleTimeoutMs - 1);
      expect((await app.load()).has("userId"), "used in time").toBe(true);
      app.clock.advance(1);
      expect((await app.load()).has("userId"), "unused").toBe(false);
    } else {
      app.clock.advance(lifetimeMs - 1);
      expect((await app.load()).has("userId")).toBe(true);
      app.clock.advance(1);
      expect((await app.load()).has("userId")).toBe(false);
    }
  });

  it("ends a session at its deadline, however much it is used", async () => {
    await using app = await stored({ userId: "u1" }, { policy: "aal3" });
    for (let minutes = 0; minutes < 12 * 60 - 10; minutes += 10) {
      app.clock.advance(10 * MINUTE_MS);
      await app.sessions.commit(await app.load());
    }
    expect((await app.load()).has("userId")).toBe(true);
    app.clock.advance(10 * MINUTE_MS);
    expect((await app.load()).has("userId")).toBe(false);
  });

  it("can be shortened but not lengthened by options", async () => {
    await using app = await stored(
      { a: 1 },
      { policy: "aal2", lifetimeMs: HOUR_MS, idleTimeoutMs: MINUTE_MS },
    );
    expect((await app.load()).deadline).toEqual(new Date(app.clock.now() + HOUR_MS));
    const { store } = app;
    expect(() => new SessionManager({ store, policy: "aal2", lifetimeMs: DAY_MS + 1 })).toThrow(
      'policy "aal2" allows lifetimeMs up to 86400000, got 86400001',
    );
    expect(() => new SessionManager({ store, policy: "aal3", idleTimeoutMs: HOUR_MS })).toThrow(
      'policy "aal3" allows idleTimeoutMs up to 900000',
    );
    expect(() => new SessionManager({ store, policy: "aal1", idleTimeoutMs: HOUR_MS })).not.toThrow();
  });

  it("limits deadlines set by the app", async () => {
    await using app = await stored({ a: 1 }, { policy: "aal2" });
    const begun = app.clock.now();
    app.clock.advance(1000);
    const session = await app.load();
    session.setDeadline(new Date(begun + 2 * DAY_MS));
    await app.sessions.commit(session);
    expect(session.deadline).toEqual(new Date(begun + DAY_MS));
    session.setDeadline(new Date(begun + HOUR_MS));
    await app.sessions.commit(session);
    expect((await app.load()).deadline, "an earlier one stands").toEqual(new Date(begun + HOUR_MS));
  });

  it("limits a session that merges a longer one", async () => {
    await using app = await stored({ a: 1 }, { policy: "aal2" });
    app.clock.advance(HOUR_MS);
    const other = await app.sessions.load(undefined);
    await app.sessions.commit(other.set("b", 1));
    const session = await app.load();
    const { deadline } = session;
    expect(await session.merge(other.token as string)).toBe(true);
    await app.sessions.commit(session);
    expect((await app.load()).deadline).toEqual(deadline);
  });

  it.each(["aal4", "", 2, null, "toString"])("refuses %o", async (policy) => {
    await using app = await run((_, res) => void res.end());
    const make = () => new SessionManager({ store: app.store, policy: policy as PolicyName });
    expect(make).toThrow('policy must be "aal1", "aal2" or "aal3"');
  });
});

describe("timeouts", () => {
  const timeouts = ({ role }: Record<string, unknown>) =>
    role === "admin"
      ? { lifetimeMs: HOUR_MS, idleTimeoutMs: 5 * MINUTE_MS }
      : role === "remembered"
        ? { lifetimeMs: 30 * DAY_MS, idleTimeoutMs: 7 * DAY_MS }
        : undefined;

  it("depend on the session's values from its beginning", async () => {
    await using app = await stored(
      { role: "guest" },
      { timeouts, lifetimeMs: DAY_MS, idleTimeoutMs: 2 * HOUR_MS },
    );
    const begun = app.clock.now();
    app.clock.advance(10 * MINUTE_MS);
    for (const [role, lifetimeMs, idleTimeoutMs] of [
      ["admin", HOUR_MS, 5 * MINUTE_MS],
      ["remembered", 30 * DAY_MS, 7 * DAY_MS],
      ["guest", DAY_MS, 2 * HOUR_MS],
    ] as const) {
      const session = await app.load();
      await app.sessions.commit(session.set("role", role));
      expect(session.deadline, role).toEqual(new Date(begun + lifetimeMs));
      const record = await recordIn(app.store);
      expect(record?.expiry, role).toEqual(new Date(app.clock.now() + idleTimeoutMs));
    }
  });

  it("end an unused session of an administrator, and keep the others", async () => {
    await using app = await stored({ role: "admin" }, { timeouts, idleTimeoutMs: 2 * HOUR_MS });
    app.clock.advance(4 * MINUTE_MS);
    await app.sessions.commit(await app.load()); // a touch
    app.clock.advance(4 * MINUTE_MS);
    expect((await app.load()).has("role")).toBe(true);
    app.clock.advance(MINUTE_MS);
    expect((await app.load()).has("role")).toBe(false);
  });

  it("become shorter by a log-in, even if an earlier request then extends the session", async () => {
    const timeouts = (data: object) => ({ idleTimeoutMs: "role" in data ? 15 * MINUTE_MS : 7 * DAY_MS });
    await using app = await stored({ userId: "u1" }, { timeouts, lifetimeMs: 30 * DAY_MS });
    app.clock.advance(DAY_MS);
    const earlier = await app.load();
    await app.sessions.commit((await app.load()).set("role", "admin"));
    await app.sessions.commit(earlier);
    app.clock.advance(15 * MINUTE_MS);
    expect((await app.load()).has("userId")).toBe(false);
  });

  it("that are shorter than the session's age end it, also for other requests", async () => {
    await using app = await stored({ role: "guest" }, { timeouts });
    app.clock.advance(2 * HOUR_MS);
    const session = await app.load();
    const header = await app.sessions.commit(session.set("role", "admin"));
    expect(session.status).toBe("destroyed");
    expect(String(header)).toContain("Max-Age=0");
    expect(await app.store.keys()).toEqual([]);
  });

  it("send the cookie again, with the new lifetime", async () => {
    await using app = await run(
      (session, res, req) => {
        if (req.url === "/admin") session.set("role", "admin");
        if (req.url === "/") session.set("page", 1);
        res.end();
      },
      { timeouts },
    );
    const visitor = new Visitor(app.url);
    await visitor.get("/");
    expect((await visitor.get("/")).setCookies).toEqual([]);
    const { setCookies } = await visitor.get("/admin");
    expect(setCookies).toEqual([expect.stringContaining(`=${visitor.token}; Max-Age=3600;`)]);
  });

  it("are within the policy's limits", async () => {
    await using app = await stored({ role: "remembered" }, { timeouts, policy: "aal2" });
    expect((await app.load()).deadline).toEqual(new Date(app.clock.now() + DAY_MS));
    const record = await recordIn(app.store);
    expect(record?.expiry).toEqual(new Date(app.clock.now() + HOUR_MS));
  });

  it("keep a deadline set by the app until the lifetime changes", async () => {
    await using app = await stored({ role: "guest" }, { timeouts });
    const begun = app.clock.now();
    const session = await app.load();
    session.setDeadline(new Date(begun + 3 * HOUR_MS));
    await app.sessions.commit(session);
    const other = await app.load();
    await app.sessions.commit(other.set("page", 1));
    expect((await app.load()).deadline).toEqual(new Date(begun + 3 * HOUR_MS));
    await app.sessions.commit((await app.load()).set("role", "admin"));
    expect((await app.load()).deadline).toEqual(new Date(begun + HOUR_MS));
  });

  it("keep the changes of two parallel requests, with the timeouts of the result", async () => {
    await using app = await stored({ role: "guest" }, { timeouts });
    const begun = app.clock.now();
    const [one, other] = [await app.load(), await app.load()];
    await app.sessions.commit(one.set("role", "admin"));
    await app.sessions.commit(other.set("page", 1));
    const after = await app.load();
    expect(valuesOf(after)).toEqual({ role: "admin", page: 1 });
    expect(after.deadline).toEqual(new Date(begun + HOUR_MS));
  });

  it("count from the next save for sessions older than the option, and never lengthen them", async () => {
    await using app = await stored({ role: "remembered" });
    const deadline = app.clock.now() + DAY_MS;
    const { store, clock } = app;
    const later = new SessionManager({ store, timeouts, now: clock.now });
    app.clock.advance(HOUR_MS);
    const session = await later.load(app.token);
    await later.commit(session.set("page", 1));
    expect(session.deadline).toEqual(new Date(deadline));
    await later.commit(session.set("role", "admin"));
    expect(session.deadline).toEqual(new Date(clock.now() + HOUR_MS));
  });

  it.each([0, -1, Number.NaN, "1h"])("that are not durations fail the save: %o", async (lifetimeMs) => {
    await using app = await run((_, res) => void res.end(), {
      timeouts: () => ({ lifetimeMs: lifetimeMs as number }),
    });
    const session = await app.sessions.load(undefined);
    await expect(app.sessions.commit(session.set("a", 1))).rejects.toThrow(/timeouts must return lifetimeMs/);
  });

  it("that throw are a 500, and the error goes to onError", async () => {
    let isBroken = false;
    await using app = await run(
      (session, res) => {
        session.set("a", 1);
        res.end("saved");
      },
      {
        timeouts: () => {
          if (isBroken) throw new Error("mine");
          return undefined;
        },
      },
    );
    const visitor = new Visitor(app.url);
    expect((await visitor.get()).body).toBe("saved");
    isBroken = true;
    expect((await visitor.get()).status).toBe(500);
    expect(app.errors).toMatchObject([{ message: "mine" }]);
  });

  it("must be a function", async () => {
    await using app = await run((_, res) => void res.end());
    expect(() => new SessionManager({ store: app.store, timeouts: {} as () => undefined })).toThrow(
      "timeouts must be a function",
    );
  });
});
