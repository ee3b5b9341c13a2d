import { describe, expect, it } from "vitest";
import { answer, loggedIn } from "./fixtures/logged-in-visitor.js";
import { TOKEN_LENGTH } from "./fixtures/made-up-token.js";
import { run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

describe("a destroyed session", () => {
  it("is gone from the store and the browser, and its token is invalid", async () => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    await session.visitor.get("/logout");
    expect(session.visitor.token).toBeUndefined();
    expect(await session.app.store.contents()).toEqual([]);
    expect((await copy.get()).body).toBe("nobody");
  });

  it("becomes a new one with a new token if it gets values, and the old one is deleted", async () => {
    await using session = await loggedIn();
    const copy = session.visitor.clone();
    await session.visitor.get("/logout-and-tell");
    expect(session.app.store.calls).toEqual(["find", "replace", "replace"]);
    expect(session.visitor.token).toHaveLength(TOKEN_LENGTH);
    expect(session.visitor.token).not.toBe(copy.token);
    expect(await session.app.store.contents()).toEqual([{ flash: "You are logged out." }]);
    expect((await copy.get()).body).toBe("nobody");
  });

  it("that begins anew has a full lifetime", async () => {
    await using session = await loggedIn();
    session.app.clock.advance(80_000_000);
    const { setCookies } = await session.visitor.get("/logout-and-tell");
    expect(setCookies[0]).toContain("Max-Age=86400;");
  });

  it("that begins anew and is ended by another request is not cleared from the browser", async () => {
    await using session = await loggedIn();
    const loaded = await session.load();
    loaded.destroy();
    await session.app.sessions.commit(loaded.set("page", 1));
    await session.app.sessions.destroy(await session.app.sessions.load(loaded.token));
    expect(await session.app.sessions.commit(loaded.set("page", 2))).toBeUndefined();
    expect(loaded.status).toBe("destroyed");
  });

  it("is destroyed once by two calls in one request", async () => {
    await using session = await loggedIn();
    const loaded = await session.load();
    loaded.destroy();
    loaded.set("x", 1);
    loaded.destroy();
    expect(String(await session.app.sessions.commit(loaded))).toContain("Max-Age=0");
    expect(session.app.store.calls).toEqual(["find", "replace"]);
    expect(await session.app.sessions.commit(loaded)).toBeUndefined();
  });

  it("is cleared from the browser even if the manager destroyed it at once", async () => {
    await using app = await run(async (session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      else await app.sessions.destroy(session);
      res.end();
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const { setCookies } = await visitor.get("/logout");
    expect(setCookies).toEqual([expect.stringContaining("Max-Age=0")]);
    expect(app.store.calls).toEqual(["replace", "find", "replace"]);
  });

  it("that the store could not delete is deleted by the next commit", async () => {
    await using session = await loggedIn();
    const loaded = await session.load();
    session.app.store.fail("replace", new Error("away"));
    await expect(session.app.sessions.destroy(loaded)).rejects.toThrow("away");
    session.app.store.fail("replace");
    expect(String(await session.app.sessions.commit(loaded))).toContain("Max-Age=0");
    expect(await session.app.store.contents()).toEqual([]);
  });
});

describe("a save in flight when its session is destroyed", () => {
  it.each(["find", "replace"] as const)("does not bring it back: at its %s", async (method) => {
    await using session = await loggedIn();
    const other = session.visitor.clone();
    const gate = session.app.store.pause(method);
    const late = session.visitor.get("/save/1");
    await gate.reached;
    await other.get("/logout");
    gate.release();
    expect((await late).status).toBe(200);
    if (method === "replace") expect(await session.app.store.contents()).toEqual([]);
    expect(JSON.stringify(await session.app.store.contents())).not.toContain("userId");
    expect((await other.get()).body).toBe("nobody");
  });

  it("does not bring it back, even fifty of them", async () => {
    await using session = await loggedIn();
    const { app, visitor } = session;
    const gates = Array.from({ length: 50 }, () => app.store.pause("replace"));
    const saves = gates.map((_, at) => visitor.clone().get(`/save/${at}`));
    await Promise.all(gates.map(({ reached }) => reached));
    for (const gate of gates.slice(0, 25)) gate.release();
    await visitor.get("/logout"); // some are saved, some are merging, some wait
    for (const gate of gates) gate.release();
    await Promise.all(saves);
    expect(await app.store.contents()).toEqual([]);
    expect(app.errors).toEqual([]);
  });

  it("reports the end to its request, which may begin another session", async () => {
    await using session = await loggedIn();
    const [late, other] = [await session.load(), await session.load()];
    await session.app.sessions.destroy(other);
    late.set("page", 2);
    expect(await session.app.sessions.commit(late)).toBeUndefined();
    expect(late.status).toBe("destroyed");
    expect(late.token).toBeUndefined();
    expect([...late.keys()]).toEqual([]);
    late.set("flash", "Please log in again.");
    expect(String(await session.app.sessions.commit(late))).toContain(`=${late.token};`);
    expect(await session.app.store.contents()).toEqual([{ flash: "Please log in again." }]);
  });

  it("does not bring it back by touching it", async () => {
    await using app = await run(answer, { idleTimeoutMs: 1000, touchAfterMs: 0 });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const gate = app.store.pause("touch");
    const late = visitor.get();
    await gate.reached;
    await visitor.clone().get("/logout");
    gate.release();
    expect((await late).setCookies).toEqual([]);
    expect(await app.store.contents()).toEqual([]);
  });

  it("reports the end even to a request that only touches it", async () => {
    await using app = await run(answer, { idleTimeoutMs: 1000, touchAfterMs: 0 });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const late = await app.sessions.load(visitor.token);
    await visitor.get("/logout");
    expect(await app.sessions.commit(late)).toBeUndefined();
    expect(late.status).toBe("destroyed");
    expect(late.has("userId")).toBe(false);
  });
});
