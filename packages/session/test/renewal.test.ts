import { describe, expect, it } from "vitest";
import { TOKEN_LENGTH } from "./fixtures/made-up-token.js";
import { type Handler, type RunningApp, run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const answer: Handler = (session, res, req) => {
  if (req.url === "/login") session.set("userId", "u1");
  if (req.url === "/renew") session.renew();
  if (req.url === "/renew-and-set") session.renew();
  if (req.url === "/renew-and-set") session.set("role", "admin");
  if (req.url === "/change") session.set("page", 2);
  if (req.url === "/logout") session.destroy();
  res.end(JSON.stringify(Object.fromEntries([...session.keys()].map((key) => [key, session.get(key)]))));
};

async function loggedIn(): Promise<{ app: RunningApp; visitor: Visitor } & AsyncDisposable> {
  const app = await run(answer);
  const visitor = new Visitor(app.url);
  await visitor.get("/login");
  app.store.takeCalls();
  return { app, visitor, [Symbol.asyncDispose]: () => app[Symbol.asyncDispose]() };
}

describe("renewal", () => {
  it("changes the token, keeps the values and ends the old token", async () => {
    await using session = await loggedIn();
    const { visitor, app } = session;
    const before = visitor.clone();
    await visitor.get("/renew");
    expect(visitor.token).toHaveLength(TOKEN_LENGTH);
    expect(visitor.token).not.toBe(before.token);
    expect((await visitor.get()).body).toBe('{"userId":"u1"}');
    expect((await before.get()).body).toBe("{}");
    expect(await app.store.contents()).toEqual([{ userId: "u1" }]);
  });

  it("saves other changes with it", async () => {
    await using session = await loggedIn();
    await session.visitor.get("/renew-and-set");
    expect((await session.visitor.get()).body).toBe('{"userId":"u1","role":"admin"}');
  });

  it("happens once per call: the next save keeps the new token", async () => {
    await using session = await loggedIn();
    const { sessions, store } = session.app;
    const loaded = await sessions.load(session.visitor.token);
    await sessions.renew(loaded);
    const { token } = loaded;
    store.takeCalls();
    expect(loaded.status).toBe("unmodified");
    expect(await sessions.commit(loaded)).toBeUndefined();
    expect(store.takeCalls()).toEqual([]);
    loaded.set("page", 2);
    expect(await sessions.commit(loaded)).toBeUndefined();
    expect(store.takeCalls()).toEqual(["replace"]);
    expect(loaded.token).toBe(token);
  });

  it.each(["renews", "commits"])(
    "completes before an answer that does not wait for it: it %s",
    async (how) => {
      let sessions: RunningApp["sessions"] | undefined;
      await using app = await run((session, res, req) => {
        if (req.url === "/login") session.set("userId", "u1");
        if (req.url === "/renew" && how === "renews") void sessions?.renew(session);
        if (req.url === "/renew" && how === "commits") {
          session.renew();
          void sessions?.commit(session);
        }
        res.end(String(session.get("userId")));
      });
      ({ sessions } = app);
      const visitor = new Visitor(app.url);
      await visitor.get("/login");
      const before = visitor.clone();
      expect((await visitor.get("/renew")).setCookies).toHaveLength(1);
      expect((await visitor.get()).body).toBe("u1");
      expect((await before.get()).body).toBe("undefined");
      expect(app.errors).toEqual([]);
    },
  );

  it("requested during another one is a second one", async () => {
    await using session = await loggedIn();
    const { sessions, store, clock } = session.app;
    const loaded = await sessions.load(session.visitor.token);
    const insert = store.pause("replace");
    const first = sessions.renew(loaded);
    await insert.reached;
    clock.advance(1000);
    loaded.renew({ newLifetime: true });
    insert.release();
    await first;
    const { token } = loaded;
    expect(loaded.status).toBe("modified");
    await sessions.commit(loaded);
    expect(loaded.token).not.toBe(token);
    const reloaded = await sessions.load(loaded.token);
    expect(reloaded.deadline.getTime()).toBe(clock.now() + 86_400_000);
    expect(await store.contents()).toEqual([{ userId: "u1" }]);
  });

  it("that failed in the store is completed by the next save", async () => {
    await using session = await loggedIn();
    const { sessions, store } = session.app;
    const loaded = await sessions.load(session.visitor.token);
    store.fail("replace", new Error("away"));
    await expect(sessions.renew(loaded)).rejects.toThrow("away");
    store.fail("replace");
    await sessions.commit(loaded);
    expect(loaded.token).not.toBe(session.visitor.token);
    expect(await store.contents()).toEqual([{ userId: "u1" }]);
  });

  it("of an unsaved session does nothing, because its token is new", async () => {
    await using app = await run(answer);
    const visitor = new Visitor(app.url);
    const { setCookies } = await visitor.get("/renew-and-set");
    expect(setCookies).toHaveLength(1);
    expect(app.store.calls).toEqual(["replace"]);
  });

  it("by the app itself sets the cookie as well", async () => {
    await using app = await run(async (session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      else await app.sessions.renew(session);
      res.end(String(session.get("userId")));
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const before = visitor.token;
    await visitor.get("/renew");
    expect(visitor.token).not.toBe(before);
    app.store.takeCalls();
    expect((await visitor.get("/renew")).body).toBe("u1");
    expect(app.store.takeCalls()).toEqual(["find", "replace"]);
  });

  it("always leaves exactly one session that one of the tokens can read", async () => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const old = visitor.clone();
    await app.store.interrupt(
      ["replace"],
      () => visitor.get("/renew"),
      async () => {
        expect((await old.get()).body).toBe('{"userId":"u1"}');
        expect(await app.store.contents()).toHaveLength(1);
      },
    );
    expect((await visitor.get()).body).toBe('{"userId":"u1"}');
    expect(await app.store.contents()).toHaveLength(1);
  });

  it("keeps the session's record, and adds none", async () => {
    await using session = await loggedIn();
    const before = await session.app.store.keys();
    for (let count = 0; count < 3; count++) await session.visitor.get("/renew");
    expect(await session.app.store.keys()).toEqual(before);
  });
});

describe("a renewal during a log-out", () => {
  it.each([
    ["before it looks the session up", ["find"]],
    ["before it saves", ["replace"]],
  ] as const)("leaves no session: the log-out comes %s", async (_, calls) => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    const { store, errors } = session.app;
    await store.interrupt(
      calls,
      () => session.visitor.get("/renew"),
      () => copy.get("/logout"),
    );
    expect(await store.contents()).toEqual([]);
    expect((await session.visitor.get()).body).toBe("{}");
    expect(errors).toEqual([]);
  });

  it("keeps its new token if a log-out follows with the old one", async () => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    await session.app.store.interrupt(
      ["find"],
      () => session.visitor.get("/logout"),
      () => copy.get("/renew"),
    );
    expect((await copy.get()).body).toBe('{"userId":"u1"}');
    expect(await session.app.store.contents()).toHaveLength(1);
  });

  it("ends with a log-out that found the session before", async () => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    const { setCookies } = await session.app.store.interrupt(
      ["find", "replace"],
      () => session.visitor.get("/logout"),
      () => copy.get("/renew"),
    );
    expect(setCookies).toEqual([expect.stringContaining("Max-Age=0")]);
    expect((await copy.get()).body).toBe("{}");
    expect(await session.app.store.contents()).toEqual([]);
  });

  it("sends the browser no invalid token", async () => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    const { setCookies } = await session.app.store.interrupt(
      ["replace"],
      () => session.visitor.get("/renew"),
      () => copy.get("/logout"),
    );
    expect(setCookies).toEqual([]);
  });
});

describe("a renewal during a change of another key", () => {
  it("keeps a change before its save", async () => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    await session.app.store.interrupt(
      ["replace"],
      () => session.visitor.get("/renew-and-set"),
      () => copy.get("/change"),
    );
    expect(JSON.parse((await session.visitor.get()).body)).toEqual({ userId: "u1", page: 2, role: "admin" });
    expect((await copy.get()).body).toBe("{}");
    expect(await session.app.store.contents()).toHaveLength(1);
  });

  it("keeps its new lifetime", async () => {
    await using session = await loggedIn();
    const { sessions, store, clock } = session.app;
    const loaded = await sessions.load(session.visitor.token);
    clock.advance(1000);
    loaded.renew({ newLifetime: true });
    await store.interrupt(
      ["replace"],
      () => sessions.commit(loaded),
      () => session.visitor.get("/change"),
    );
    expect(loaded.deadline.getTime()).toBe(clock.now() + 86_400_000);
    expect((await sessions.load(loaded.token)).deadline).toEqual(loaded.deadline);
  });

  it("ends the session for a later change with the old token", async () => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    await session.app.store.interrupt(
      ["replace"],
      () => session.visitor.get("/change"),
      () => copy.get("/renew"),
    );
    expect((await session.visitor.get()).body).toBe("{}");
    expect((await copy.get()).body).toBe('{"userId":"u1"}');
    expect(await session.app.store.contents()).toEqual([{ userId: "u1" }]);
  });
});

it("of two concurrent renewals, one wins, and the other leaves nothing behind", async () => {
  await using session = await loggedIn();
  const copy = session.visitor.clone();
  await session.app.store.interrupt(
    ["replace"],
    () => session.visitor.get("/renew"),
    () => copy.get("/renew"),
  );
  expect((await copy.get()).body).toBe('{"userId":"u1"}');
  expect(await session.app.store.contents()).toEqual([{ userId: "u1" }]);
});

it.each([
  [undefined, 1000],
  [1000, undefined],
])("of two renewals in one request (grace %s, then %s), the shorter grace wins", async (first, second) => {
  await using app = await run((session, res) => {
    session.set("page", 1);
    res.end();
  });
  const { sessions } = app;
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("userId", "u1"));
  const old = session.token as string;
  for (const graceMs of [first, second]) session.renew(graceMs === undefined ? {} : { graceMs });
  await sessions.commit(session);
  expect([await sessions.exists(old), await sessions.exists(session.token as string)]).toEqual([false, true]);
});
