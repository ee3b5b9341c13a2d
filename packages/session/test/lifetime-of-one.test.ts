import { describe, expect, it } from "vitest";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { run } from "./fixtures/running-app.js";
import { stored, valuesOf } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

const HOUR_MS = 3_600_000;

describe("setDeadline", () => {
  it("moves the end of the session, in the store and in the browser", async () => {
    await using app = await run((session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      if (req.url === "/longer") session.setDeadline(new Date(app.clock.now() + 48 * HOUR_MS));
      res.end(session.deadline.toISOString());
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const { setCookies } = await visitor.get("/longer");
    expect(setCookies).toEqual([expect.stringContaining(`=${visitor.token}; Max-Age=${48 * 3600};`)]);
    expect((await visitor.get()).setCookies).toEqual([]);
    app.clock.advance(47 * HOUR_MS);
    expect(await app.store.contents()).toEqual([{ userId: "u1" }]);
    app.clock.advance(HOUR_MS);
    expect((await app.sessions.load(visitor.token)).has("userId")).toBe(false);
  });

  it("keeps parallel changes of another request, which keep it as well", async () => {
    await using app = await stored({ page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    const deadline = new Date(app.clock.now() + HOUR_MS);
    one.setDeadline(deadline);
    await app.sessions.commit(other.set("theme", "dark"));
    await app.sessions.commit(one);
    const third = await app.load();
    await app.sessions.commit(third.set("page", 2));
    const after = await app.load();
    expect(after.deadline).toEqual(deadline);
    expect(valuesOf(after)).toEqual({ page: 2, theme: "dark" });
  });

  it("to a past time ends the session", async () => {
    await using app = await stored({ page: 1 });
    const session = await app.load();
    session.setDeadline(new Date(app.clock.now()));
    expect(String(await app.sessions.commit(session))).toContain("Max-Age=0");
    expect(session.status).toBe("destroyed");
    expect(await app.store.keys()).toEqual([]);
  });

  it.each([new Date(Number.NaN), undefined, 5, "tomorrow"])("refuses %o", async (deadline) => {
    await using app = await stored({ page: 1 });
    const session = await app.load();
    expect(() => session.setDeadline(deadline as Date)).toThrow(TypeError);
    expect(session.status).toBe("unmodified");
  });

  it("sets the first deadline of a new session", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    session.setDeadline(new Date(app.clock.now() + HOUR_MS));
    session.set("a", 1);
    expect(String(await app.sessions.commit(session))).toContain("Max-Age=3600;");
    expect((await app.sessions.load(session.token)).deadline).toEqual(new Date(app.clock.now() + HOUR_MS));
  });
});

describe("remember", () => {
  it("decides whether the cookie of one session outlives the browser, also after renewals", async () => {
    await using app = await run(
      (session, res, req) => {
        if (req.url === "/login") session.set("userId", "u1");
        if (req.url === "/remember") session.remember(true);
        if (req.url === "/forget") session.remember(false);
        if (req.url === "/renew") session.renew();
        res.end();
      },
      { cookie: { persist: false } },
    );
    const visitor = new Visitor(app.url);
    const cookieOf = async (path: string) => (await visitor.get(path)).setCookies.join();
    expect(await cookieOf("/login")).not.toContain("Max-Age");
    expect(await cookieOf("/remember")).toContain(`=${visitor.token}; Max-Age=86400;`);
    expect(await cookieOf("/remember")).toBe("");
    expect(await cookieOf("/renew")).toContain("Max-Age=86400;");
    expect(await cookieOf("/forget")).toMatch(new RegExp(`=${visitor.token}; Path=/`));
    expect(await cookieOf("/renew")).not.toContain("Max-Age");
  });

  it("survives changes of another request and of its own", async () => {
    await using app = await stored({ page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    one.remember(false);
    await app.sessions.commit(other.set("theme", "dark"));
    expect(String(await app.sessions.commit(one))).not.toContain("Max-Age");
    expect(await app.sessions.commit((await app.load()).set("page", 2))).toBeUndefined();
    expect(String(await app.sessions.renew(await app.load()))).not.toContain("Max-Age");
  });
});

describe("merge", () => {
  it("takes over the values of the other session, which ends when this one is saved", async () => {
    await using app = await stored({ cart: ["tea"], theme: "dark" });
    const session = await app.sessions.load(undefined);
    session.set("theme", "light").set("userId", "u1");
    expect(await session.merge(app.token)).toBe(true);
    expect(valuesOf(session)).toEqual({ theme: "dark", userId: "u1", cart: ["tea"] });
    expect(valuesOf(await app.load())).toEqual({ cart: ["tea"], theme: "dark" });
    await app.sessions.commit(session);
    expect(valuesOf(await app.load())).toEqual({});
    expect(valuesOf(await app.sessions.load(session.token))).toEqual({
      theme: "dark",
      userId: "u1",
      cart: ["tea"],
    });
    expect(await app.store.keys()).toHaveLength(1);
  });

  it("takes the later deadline of the two", async () => {
    await using app = await stored({ page: 1 });
    const first = await app.load();
    app.clock.advance(HOUR_MS);
    const session = await app.sessions.load(undefined);
    const later = session.deadline;
    await session.merge(app.token);
    expect(session.deadline).toEqual(later);
    await app.sessions.commit(session);
    const older = await app.sessions.load(undefined);
    older.setDeadline(first.deadline);
    await older.merge(session.token as string);
    expect(older.deadline).toEqual(later);
  });

  it.each([
    ["its own token", (token: string) => token],
    ["an unknown one", () => madeUpToken()],
    ["a malformed one", () => "no token"],
  ])("does nothing with %s", async (_, tokenOf) => {
    await using app = await stored({ page: 1 });
    const session = await app.load();
    expect(await session.merge(tokenOf(app.token))).toBe(false);
    expect(session.status).toBe("unmodified");
    await app.sessions.commit(session);
    expect(valuesOf(await app.load())).toEqual({ page: 1 });
  });

  it("ends the other session even if it has no values", async () => {
    await using app = await stored({ page: 1 });
    const other = await app.load();
    other.clear();
    await app.sessions.commit(other);
    const session = await app.sessions.load(undefined);
    expect(await session.merge(app.token)).toBe(true);
    await app.sessions.commit(session);
    expect(await app.store.keys()).toEqual([]);
  });
});

describe("maxBytes", () => {
  it("refuses a larger session, and names its largest value", async () => {
    await using app = await run((session, res, req) => {
      session.set("note", "x".repeat(100)).set("cart", "y".repeat(Number(req.url?.slice(1))));
      res.end();
    });
    const visitor = new Visitor(app.url);
    expect((await visitor.get("/65200")).status).toBe(200);
    expect((await visitor.get("/65536")).status).toBe(500);
    expect(app.errors).toEqual([
      expect.objectContaining({
        name: "SessionError",
        code: "TOO_LARGE",
        message: expect.stringMatching(/has \d+ bytes, but maxBytes is 65536; its largest value is "cart"$/),
      }),
    ]);
    expect((await app.sessions.load(visitor.token)).get("cart")).toHaveLength(65_200);
  });

  it("is exact", async () => {
    await using app = await run((_, res) => void res.end(), { maxBytes: 200 });
    const secrets = `[["${"h".repeat(43)}"]]`;
    const empty = `{"version":1,"deadline":1926405000000,"meta":{"secrets":${secrets}},"values":{"a":""}}`;
    const room = 200 - Buffer.byteLength(empty);
    const session = await app.sessions.load(undefined);
    session.set("a", "x".repeat(room + 1));
    await expect(app.sessions.commit(session)).rejects.toMatchObject({ code: "TOO_LARGE" });
    session.set("a", "x".repeat(room));
    expect(String(await app.sessions.commit(session))).toContain(session.token);
  });
});
