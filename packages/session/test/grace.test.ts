import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { SessionManagerOptions } from "../src/index.js";
import { type Handler, run } from "./fixtures/running-app.js";
import { stored, valuesOf } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

const answer: Handler = (session, res, req) => {
  if (req.url === "/login") session.set("userId", "u1");
  if (req.url === "/renew") session.renew({ graceMs: 10_000 });
  if (req.url === "/renew-at-once") session.renew();
  if (req.url?.startsWith("/save/")) session.set(req.url, true);
  if (req.url === "/logout") session.destroy();
  res.end(String(session.get("userId") ?? "nobody"));
};

async function loggedIn(options: Partial<SessionManagerOptions> = {}) {
  const app = await run(answer, options);
  const visitor = new Visitor(app.url);
  await visitor.get("/login");
  return { app, visitor, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

describe("a renewal with grace", () => {
  it("lets the old token read and write the same session during the grace period", async () => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const old = visitor.clone();
    await visitor.get("/renew");
    expect(visitor.token).not.toBe(old.token);
    app.clock.advance(9999);
    expect(await old.get("/save/late")).toMatchObject({ body: "u1", setCookies: [] });
    expect((await app.sessions.load(visitor.token)).has("/save/late")).toBe(true);
    app.clock.advance(1);
    expect((await old.get()).body).toBe("nobody");
    expect((await visitor.get()).body).toBe("u1");
  });

  it("keeps one record, with the hashes of both secrets", async () => {
    await using session = await loggedIn();
    const old = session.visitor.token as string;
    await session.visitor.get("/renew");
    const { store, clock } = session.app;
    const [[key, data] = ["", new Uint8Array()], ...more] = [...(await store.memory.all())];
    expect(more).toEqual([]);
    const [id, secret = ""] = (session.visitor.token as string).split(".");
    const [oldId, oldSecret = ""] = old.split(".");
    expect([id, oldId]).toEqual([key, key]);
    const hash = (text: string) => createHash("sha256").update(text).digest("base64url");
    const text = Buffer.from(data).toString();
    expect(JSON.parse(text).meta.secrets).toEqual([[hash(secret)], [hash(oldSecret), clock.now() + 10_000]]);
    for (const each of [secret, oldSecret]) expect(text).not.toContain(each);
  });

  it.each(["old", "new"] as const)("ends for both when the %s one logs out", async (which) => {
    await using session = await loggedIn();
    const visitors = { new: session.visitor, old: session.visitor.clone() };
    await visitors.new.get("/renew");
    const answer = await visitors[which].clone().get("/logout");
    expect(answer.setCookies.join()).toContain("Max-Age=0");
    expect((await visitors.old.get()).body).toBe("nobody");
    expect((await visitors.new.get()).body).toBe("nobody");
  });

  it.each([
    ["looks the session up", ["find"]],
    ["ends it", ["find", "replace"]],
  ] as const)("ends for both when it comes before a log-out with the old one %s", async (_, calls) => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const old = visitor.clone();
    await app.store.interrupt(
      calls,
      () => old.clone().get("/logout"),
      () => visitor.get("/renew"),
    );
    expect((await visitor.get()).body).toBe("nobody");
    expect((await old.get()).body).toBe("nobody");
  });

  it("ends for both if it and a change come between two attempts of a log-out", async () => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const [old, other] = [visitor.clone(), visitor.clone()];
    const first = app.store.pause("replace");
    const logOut = old.clone().get("/logout");
    await first.reached;
    await other.get("/save/other");
    const second = app.store.pause("replace");
    first.release();
    await second.reached;
    await visitor.get("/renew");
    second.release();
    await logOut;
    expect((await visitor.get()).body).toBe("nobody");
  });

  it("ends for the old token in time, even if an earlier request touches the session later", async () => {
    await using session = await loggedIn({ idleTimeoutMs: 1_800_000 });
    const { app, visitor } = session;
    app.clock.advance(60_000);
    const late = visitor.clone();
    await app.store.interrupt(
      ["find", "touch"],
      () => late.get(),
      () => visitor.get("/renew"),
    );
    app.clock.advance(9999);
    expect((await late.clone().get()).body).toBe("u1");
    app.clock.advance(1);
    expect((await late.get()).body).toBe("nobody");
    expect((await visitor.get()).body).toBe("u1");
  });

  it("can be followed by a renewal with the new token, which keeps the values", async () => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const [old, another] = [visitor.clone(), visitor];
    await visitor.get("/renew");
    const between = visitor.clone();
    await another.get("/renew");
    for (const each of [another, between, old]) expect((await each.get()).body).toBe("u1");
    app.clock.advance(10_000);
    expect((await another.get()).body).toBe("u1");
    for (const each of [between, old]) expect((await each.get()).body).toBe("nobody");
  });

  it("can be followed by a renewal with the old token: each client keeps its new token", async () => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const [old, another] = [visitor.clone(), visitor.clone()];
    await visitor.get("/renew");
    await another.get("/renew");
    expect(another.token).not.toBe(visitor.token);
    for (const each of [another, visitor, old]) expect((await each.get()).body).toBe("u1");
    app.clock.advance(10_000);
    for (const each of [another, visitor]) expect((await each.get()).body).toBe("u1");
    expect((await old.get()).body).toBe("nobody");
  });

  it("ends at once by a renewal without grace: a token from before a log-in is invalid", async () => {
    await using session = await loggedIn();
    const { visitor } = session;
    const old = visitor.clone();
    await visitor.get("/renew");
    const between = visitor.clone();
    await visitor.get("/renew-at-once");
    for (const past of [old, between]) expect((await past.get()).body).toBe("nobody");
    expect((await visitor.get()).body).toBe("u1");
  });

  it.each([
    ["before it looks the session up", ["find"]],
    ["before it saves", ["find", "replace"]],
  ] as const)("loses no change of a request that it overtakes %s", async (_, calls) => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const late = visitor.clone();
    const answer = await app.store.interrupt(
      calls,
      () => late.get("/save/late"),
      () => visitor.get("/renew"),
    );
    expect(answer.status).toBe(200);
    const after = await app.sessions.load(visitor.token);
    expect(valuesOf(after)).toEqual({ userId: "u1", "/save/late": true });
  });

  it.each([["find", ["find"]] as const, ["replace", ["find", "replace"]] as const])(
    "loses no change before its call %s",
    async (_, calls) => {
      await using session = await loggedIn();
      const { app, visitor } = session;
      const other = visitor.clone();
      await app.store.interrupt(
        calls,
        () => visitor.get("/renew"),
        () => other.get("/save/other"),
      );
      expect(valuesOf(await app.sessions.load(visitor.token))).toEqual({ userId: "u1", "/save/other": true });
    },
  );

  it("by two clients at once leaves both the same session", async () => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const other = visitor.clone();
    await app.store.interrupt(
      ["find", "replace"],
      () => visitor.get("/renew"),
      () => other.get("/renew"),
    );
    app.clock.advance(10_000);
    await visitor.get("/save/one");
    await other.get("/save/two");
    const one = await app.sessions.load(visitor.token);
    expect(valuesOf(one)).toEqual({ userId: "u1", "/save/one": true, "/save/two": true });
    expect(valuesOf(await app.sessions.load(other.token))).toEqual(valuesOf(one));
  });

  it.each([20, 250])("keeps each of its tokens valid through %d renewals", async (renewals) => {
    await using app = await stored({ page: 1 });
    const session = await app.load();
    const tokens: (string | undefined)[] = [app.token];
    for (let count = 0; count < renewals; count++) {
      await app.sessions.renew(session, { graceMs: 1000 });
      tokens.push(session.token);
    }
    app.clock.advance(999);
    for (const token of tokens) expect(valuesOf(await app.sessions.load(token))).toEqual({ page: 1 });
    const late = await app.load();
    await app.sessions.commit(late.set("late", true));
    expect(valuesOf(await app.sessions.load(session.token))).toEqual({ page: 1, late: true });
    app.clock.advance(1);
    const alive = await Promise.all(tokens.map((token) => app.sessions.exists(token as string)));
    expect(alive.indexOf(true)).toBe(renewals);
    await app.sessions.commit((await app.sessions.load(session.token)).set("page", 2));
    const [data] = [...(await app.store.memory.all()).values()];
    expect(JSON.parse(Buffer.from(data as Uint8Array).toString()).meta.secrets).toHaveLength(1);
  });

  it.each([-1, 3_600_001, Number.NaN, Number.POSITIVE_INFINITY, "5"])("refuses %o", async (graceMs) => {
    await using app = await stored({ page: 1 });
    const session = await app.load();
    expect(() => session.renew({ graceMs: graceMs as number })).toThrow(RangeError);
    expect(session.status).toBe("unmodified");
  });
});

describe("a renewal that fails", () => {
  it.each([0, 1000])("changes nothing, with a grace of %d ms", async (graceMs) => {
    await using app = await stored({ page: 1 });
    const session = await app.load();
    const before = await app.store.memory.all();
    app.store.fail("replace", new Error("away"));
    await expect(app.sessions.renew(session, { graceMs })).rejects.toThrow("away");
    expect(await app.store.memory.all()).toEqual(before);
    app.store.fail("replace");
    expect(valuesOf(await app.load())).toEqual({ page: 1 });
  });
});
