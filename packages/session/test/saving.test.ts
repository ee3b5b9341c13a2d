import { describe, expect, it, vi } from "vitest";
import { Session } from "../src/index.js";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { run, type Values } from "./fixtures/running-app.js";
import { commitBoth, stored, valuesOf } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

describe("of two requests at once", () => {
  it("that change different keys, both changes are kept", async () => {
    await using app = await stored({ name: "Ada" });
    const [one, other] = [await app.load(), await app.load()];
    one.set("theme", "dark");
    other.set("lang", "en").delete("name");
    await commitBoth(app.sessions, one, other);
    expect(await app.store.contents()).toEqual([{ theme: "dark", lang: "en" }]);
    expect(valuesOf(other)).toEqual({ theme: "dark", lang: "en" });
    expect(other.status).toBe("unmodified");
  });

  it("that change the same key, the last one wins", async () => {
    await using app = await stored({ theme: "light" });
    const [one, other] = [await app.load(), await app.load()];
    one.set("theme", "dark");
    other.set("theme", "high contrast");
    await commitBoth(app.sessions, one, other);
    expect(await app.store.contents()).toEqual([{ theme: "high contrast" }]);
  });

  it.each<[string, (session: Session<Values>) => unknown]>([
    ["a deletion", (session) => session.delete("theme")],
    ["a clearance", (session) => session.clear()],
    ["a pop", (session) => session.pop("theme")],
  ])("the last wins if it is %s", async (kind, change) => {
    await using app = await stored({ theme: "light" });
    const [one, other] = [await app.load(), await app.load()];
    one.set("theme", "dark");
    change(other);
    await commitBoth(app.sessions, one, other);
    expect(await app.store.contents()).toEqual([{}]);
    expect(other.has("theme"), kind).toBe(false);
  });

  it("that delete and change the same key, the change wins if it is last", async () => {
    await using app = await stored({ theme: "light" });
    const [one, other] = [await app.load(), await app.load()];
    one.delete("theme");
    other.set("theme", "dark");
    await commitBoth(app.sessions, one, other);
    expect(await app.store.contents()).toEqual([{ theme: "dark" }]);
  });

  it("fifty over HTTP lose none of their changes", async () => {
    await using app = await run((session, res, req) => {
      session.set(String(req.url), true);
      res.end();
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/0");
    await Promise.all(Array.from({ length: 50 }, (_, at) => visitor.get(`/${at + 1}`)));
    const expected = Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`/${at}`, true]));
    expect(await app.store.contents()).toEqual([expected]);
    expect(app.errors).toEqual([]);
  });

  it("one fails with CONFLICT after a hundred interruptions, and saves nothing", async () => {
    await using app = await stored({ page: 1 });
    const session = await app.load();
    session.set("page", 2);
    const replace = vi.spyOn(app.store, "replace").mockResolvedValue(false);
    for (const attempt of [() => app.sessions.commit(session), () => app.sessions.renew(session)]) {
      await expect(attempt()).rejects.toMatchObject({
        name: "SessionError",
        code: "CONFLICT",
        message: "the session was changed by others 100 times while it was being saved",
      });
    }
    expect(replace.mock.calls.length).toBeGreaterThanOrEqual(200);
    expect(replace.mock.calls.length).toBeLessThan(500);
    expect(await app.store.contents()).toEqual([{ page: 1 }]);
  });
});

describe("a change during a commit", () => {
  const moments = [
    ["of a session that is stored", { page: 1 }],
    ["of a new session", undefined],
  ] as const;

  it.each(moments)("is saved by the next one: %s", async (_, values) => {
    await using app = await stored(values ?? {});
    const session = values ? await app.load() : await app.sessions.load(undefined);
    session.set("page", 2);
    await app.store.interrupt(
      ["replace"],
      () => app.sessions.commit(session),
      () => session.set("page", 3),
    );
    expect(await app.store.contents()).toContainEqual({ page: 2 });
    expect(session.status).toBe("modified");
    expect(await app.sessions.commit(session)).toBeUndefined();
    expect(await app.store.contents()).toContainEqual({ page: 3 });
    expect(session.status).toBe("unmodified");
  });

  it.each(moments)("in place is saved by the next one: %s", async (_, values) => {
    await using app = await stored(values ?? {});
    const session = values ? await app.load() : await app.sessions.load(undefined);
    session.set("cart", ["tea"]);
    await app.store.interrupt(
      ["replace"],
      () => app.sessions.commit(session),
      () => (session.get("cart") as string[]).push("honey"),
    );
    expect(await app.store.contents()).toContainEqual({ ...values, cart: ["tea"] });
    expect(session.status).toBe("modified");
    await app.sessions.commit(session);
    expect(await app.store.contents()).toContainEqual({ ...values, cart: ["tea", "honey"] });
  });

  it("that cannot be encoded fails a commit that would merge it, which writes nothing", async () => {
    await using app = await stored({ page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    await app.sessions.commit(other.set("theme", "dark"));
    one.set("page", 2);
    const store = vi.spyOn(app.store, "replace");
    const commit = app.store.interrupt(
      ["replace"],
      () => app.sessions.commit(one),
      () => one.set("later", { amount: Symbol("x") }),
    );
    await expect(commit).rejects.toMatchObject({ code: "INVALID_VALUE" }); // the merge encodes again
    one.delete("later");
    await app.sessions.commit(one);
    expect(store).toHaveBeenCalledTimes(2);
    expect(await app.store.contents()).toEqual([{ page: 2, theme: "dark" }]);
  });

  it("survives the merge of that commit", async () => {
    await using app = await stored({ page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    other.set("theme", "dark");
    await app.sessions.commit(other);
    one.set("page", 2);
    await app.store.interrupt(
      ["replace", "find"], // the merge begins with it
      () => app.sessions.commit(one),
      () => one.set("page", 3).set("lang", "en"),
    );
    await app.sessions.commit(one);
    expect(await app.store.contents()).toEqual([{ page: 3, theme: "dark", lang: "en" }]);
  });

  it("of the middleware is saved before the response leaves", async () => {
    const sessions: Session<Values>[] = [];
    await using app = await run((session, res) => {
      sessions.push(session);
      session.set("page", 1);
      res.end();
    });
    await app.store.interrupt(
      ["replace"],
      () => new Visitor(app.url).get(),
      () => sessions[0]?.set("page", 2).set("late", true),
    );
    expect(await app.store.contents()).toEqual([{ page: 2, late: true }]);
    expect(app.store.calls).toEqual(["replace", "replace"]);
  });
});

describe("concurrent commits of one session", () => {
  it("take turns, so that a new session is inserted once", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    session.set("userId", "u1");
    const cookies = await Promise.all([app.sessions.commit(session), app.sessions.commit(session)]);
    expect(cookies.map((cookie) => cookie?.cookie?.value)).toEqual([session.token, undefined]);
    expect(app.store.takeCalls()).toEqual(["replace"]);
  });

  it("continue after a failed one", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    session.set("userId", Symbol("x"));
    const first = app.sessions.commit(session);
    const second = first.catch(() => session.set("userId", "u1")).then(() => app.sessions.commit(session));
    await expect(first).rejects.toMatchObject({ code: "INVALID_VALUE" });
    expect(String(await second)).toContain(`=${session.token};`);
  });
});

it("only a manager creates sessions, with the loaded values", async () => {
  await using app = await stored({ name: "Ada", tags: ["a"] });
  const session = await app.load();
  expect(session).toBeInstanceOf(Session);
  expect(valuesOf(session)).toEqual({ name: "Ada", tags: ["a"] });
  expect(valuesOf(await app.sessions.load(madeUpToken()))).toEqual({});
});
