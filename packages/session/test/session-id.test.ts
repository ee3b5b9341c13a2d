import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { headerTransport } from "../src/index.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { accounts, accountsOn, isAlive, logIn } from "./fixtures/owned-sessions.js";
import { run } from "./fixtures/running-app.js";
import { stored } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

describe("session.id", () => {
  it("exists before the first save, and does not change by saves and loads", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    const { id } = session;
    expect(id).toMatch(/^[\w-]{22}$/);
    await app.sessions.commit(session.set("a", 1));
    expect(session.id).toBe(id);
    const reloaded = await app.sessions.load(session.token);
    expect(reloaded.id).toBe(id);
    await app.sessions.commit(reloaded.set("a", 2));
    expect((await app.sessions.load(session.token)).id).toBe(id);
  });

  it("is the same in each request of a visitor, over HTTP", async () => {
    await using app = await run((session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      res.end(session.id);
    });
    const visitor = new Visitor(app.url);
    const { body } = await visitor.get("/login");
    expect((await visitor.get()).body).toBe(body);
    expect((await new Visitor(app.url).get()).body).not.toBe(body);
  });

  it.each([0, 1000])("changes with a renewal, also during a grace of %d ms", async (graceMs) => {
    await using app = await stored({ a: 1 });
    const session = await app.load();
    const { id } = session;
    session.renew({ graceMs });
    const renewed = session.id;
    expect(renewed).not.toBe(id);
    await app.sessions.commit(session);
    expect(session.id).toBe(renewed);
    expect((await app.sessions.load(session.token)).id).toBe(renewed);
    if (graceMs > 0) expect((await app.load()).id).toBe(id); // the requests of that page keep their ID
  });

  it("changes with destroy() to that of the next session", async () => {
    await using app = await stored({ a: 1 });
    const session = await app.load();
    const { id } = session;
    session.destroy();
    const next = session.id;
    expect(next).not.toBe(id);
    await app.sessions.commit(session.set("b", 1));
    expect(session.id).toBe(next);
    expect((await app.sessions.load(session.token)).id).toBe(next);
  });

  it("reveals nothing: it is not part of the token, the key, the record or the handle, and is not a token", async () => {
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    const { id, token, handle } = session;
    const [recordId = "", secret = ""] = token.split(".");
    const stored = [...(await app.store.memory.all())].map(([key, data]) => `${key} ${Buffer.from(data)}`);
    for (const text of [token, handle, ...stored]) expect(text).not.toContain(id);
    const guesses = [
      id,
      `${id}.${secret.slice(0, 43)}`,
      `${recordId}.${id}`,
      `${recordId}.${id}${id}`.slice(0, 66),
    ];
    for (const guess of guesses) expect(await isAlive(app.sessions, guess)).toBe(false);
    expect(await app.sessions.revoke(id)).toBe(false);
    expect(id).not.toBe(createHash("sha256").update(secret).digest("base64url").slice(0, 22));
  });

  it("exists for a session that was found without its token", async () => {
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    const sessions = accountsOn(new HookedStore(app.clock.now, app.store.memory), app.clock.now);
    const ids: string[] = [];
    await sessions.iterate((each) => ids.push(each.id));
    expect(ids).toEqual([session.id]);
  });
});

describe("session.token", () => {
  it("exists before the first save, and is invalid until then", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    const token = session.token as string;
    expect(await app.sessions.exists(token)).toBe(false);
    await app.sessions.commit(session.set("a", 1));
    expect(session.token).toBe(token);
    expect(await app.sessions.exists(token)).toBe(true);
  });

  it("of an unsaved session changes with renew(), so that a revealed token is worthless", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    const before = session.token as string;
    session.renew();
    expect(session.token).not.toBe(before);
    await app.sessions.commit(session.set("a", 1));
    expect(await app.sessions.exists(before)).toBe(false);
  });

  it("is the old one until a renewal is saved", async () => {
    await using app = await stored({ a: 1 });
    const session = await app.load();
    session.renew();
    expect(session.token).toBe(app.token);
    await app.sessions.commit(session);
    expect(session.token).not.toBe(app.token);
  });

  it("is undefined after the session has ended, unless another has begun", async () => {
    await using app = await stored({ a: 1 });
    const [one, other, third] = [await app.load(), await app.load(), await app.load()];
    one.destroy();
    expect(one.token).toBeUndefined();
    await app.sessions.commit(one);
    expect(one.token).toBeUndefined();
    await app.sessions.commit(other.set("a", 2));
    expect([other.status, other.token]).toEqual(["destroyed", undefined]);
    app.clock.advance(86_400_000);
    await app.sessions.commit(third.set("a", 2));
    expect([third.status, third.token]).toEqual(["destroyed", undefined]);
    third.set("b", 1);
    const { token } = third;
    await app.sessions.commit(third);
    expect(third.token).toBe(token);
    expect(await app.sessions.exists(token as string)).toBe(true);
  });

  it("is never an unknown token of the client", async () => {
    await using app = await stored({ a: 1 });
    const [id] = app.token.split(".");
    const planted = `${id}.${"A".repeat(43)}`;
    const session = await app.sessions.load(planted);
    expect(session.token).not.toBe(planted);
    expect(session.token?.split(".")[0]).not.toBe(id);
    await app.sessions.commit(session.set("userId", "thief"));
    expect((await app.load()).has("userId")).toBe(false);
  });
});

describe("what commit returns", () => {
  it("is the header, and the cookie in fields, for frameworks that set cookies themselves", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    const header = await app.sessions.commit(session.set("a", 1));
    const value = `__Host-session=${session.token}; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax`;
    expect(header).toMatchObject({ name: "set-cookie", value });
    expect(String(header)).toBe(value);
    expect(new Headers([[header?.name ?? "", String(header)]]).getSetCookie()).toEqual([value]);
    expect(header?.cookie).toEqual({
      ...{ name: "__Host-session", value: session.token, maxAge: 86_400 },
      ...{ path: "/", httpOnly: true, secure: true, sameSite: "lax" },
    });
  });

  it("clears the cookie with the same attributes", async () => {
    await using app = await run((_, res) => void res.end(), {
      cookie: { domain: "example.com", path: "/shop" },
    });
    const session = await app.sessions.load(undefined);
    const given = await app.sessions.commit(session.set("a", 1));
    const taken = await app.sessions.destroy(session);
    const { value: _, maxAge, ...attributes } = given?.cookie ?? { value: "" };
    expect(maxAge).toBe(86_400);
    expect(taken?.cookie).toEqual({ ...attributes, value: "", maxAge: 0, expires: new Date(0) });
  });

  it("has no cookie with another transport", async () => {
    await using app = await run((_, res) => void res.end(), { transport: headerTransport("X-Session") });
    const session = await app.sessions.load(undefined);
    const given = await app.sessions.commit(session.set("a", 1));
    expect(given).toMatchObject({ name: "x-session", value: session.token, cookie: undefined });
    expect(await app.sessions.destroy(session)).toMatchObject({
      name: "x-session",
      value: "",
      cookie: undefined,
    });
  });

  it("is undefined if nothing changes for the client", async () => {
    await using app = await stored({ a: 1 });
    const session = await app.load();
    expect(await app.sessions.commit(session)).toBeUndefined();
    expect(await app.sessions.commit(session.set("a", 2))).toBeUndefined();
  });
});

describe("the times of a session in its owner's list", () => {
  it.each([undefined, 3_600_000])("are always in order (idle timeout %o)", async (idleTimeoutMs) => {
    await using app = accounts(idleTimeoutMs === undefined ? {} : { idleTimeoutMs, touchAfterMs: 60_000 });
    const { sessions, clock } = app;
    const visitor = await sessions.load(undefined);
    await sessions.commit(visitor.set("page", 1));
    const steps: [string, (token: string) => Promise<unknown>][] = [
      ["logs in", async (token) => sessions.commit((await sessions.load(token)).set("userId", "u1"))],
      ["reads", async (token) => sessions.commit(await sessions.load(token))],
      ["changes", async (token) => sessions.commit((await sessions.load(token)).set("page", clock.now()))],
      ["another user", async (token) => sessions.commit((await sessions.load(token)).set("userId", "u2"))],
      ["back again", async (token) => sessions.commit((await sessions.load(token)).set("userId", "u1"))],
    ];
    let loggedInAt = 0;
    for (const [name, step] of steps) {
      clock.advance(600_000);
      await step(visitor.token as string);
      if (["logs in", "another user", "back again"].includes(name)) loggedInAt = clock.now();
      const [listed, ...more] = [...(await sessions.list("u1")), ...(await sessions.list("u2"))];
      expect(more).toEqual([]);
      const { created, lastSeen, expiry } = listed ?? { created: 0, lastSeen: 0, expiry: 0 };
      expect(Number(created), name).toBe(loggedInAt);
      expect(Number(lastSeen), name).toBeGreaterThanOrEqual(Number(created));
      expect(Number(lastSeen), name).toBeLessThanOrEqual(clock.now());
      expect(Number(expiry), name).toBeGreaterThan(clock.now());
    }
  });

  it("are in order even on a host whose clock is slow", async () => {
    await using app = accounts({ idleTimeoutMs: 3_600_000 });
    const session = await logIn(app.sessions, "u1");
    const behind = accountsOn(app.store, () => app.clock.now() - 5000, { idleTimeoutMs: 3_600_000 });
    await behind.commit((await behind.load(session.token)).set("page", 2));
    for (const sessions of [behind, app.sessions]) {
      const [{ created, lastSeen } = { created: 0, lastSeen: -1 }] = await sessions.list("u1");
      expect(Number(lastSeen)).toBeGreaterThanOrEqual(Number(created));
    }
  });
});
