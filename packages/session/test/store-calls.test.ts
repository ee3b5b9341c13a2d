import { describe, expect, it } from "vitest";
import { type Handler, run, stacks } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const answer: Handler = (session, res, req) => {
  if (req.url === "/change") session.set("visits", Number(session.get("visits") ?? 0) + 1);
  if (req.url === "/cart") session.set("cart", ["tea"]);
  if (req.url === "/look") session.get("cart");
  if (req.url === "/undo") session.set("x", 1).delete("x");
  if (req.url === "/miss") session.delete("nothing");
  if (req.url === "/renew") session.renew();
  if (req.url === "/logout") session.destroy();
  res.end();
};

describe("a request calls the store", () => {
  it.each(stacks)("not at all, for a visitor without a cookie who stores nothing (%s)", async (stack) => {
    await using app = await run(answer, { stack });
    const visitor = new Visitor(app.url);
    for (const path of ["/", "/look", "/undo", "/miss", "/renew", "/logout"]) {
      expect((await visitor.get(path)).setCookies).toEqual([]);
    }
    expect(app.store.calls).toEqual([]);
  });

  it.each([
    ["once, to insert a new session", "/change", ["replace"], undefined],
    ["once, to find one that is not changed", "/", ["find"], "/change"],
    ["once, for one whose objects are looked at and not changed", "/look", ["find"], "/cart"],
    ["once, for one from which something is deleted that it has not", "/miss", ["find"], "/change"],
    ["to find and to replace one that is changed", "/change", ["find", "replace"], "/change"],
    ["to find and to end one that is destroyed", "/logout", ["find", "replace"], "/change"],
    ["to find and to replace one that is renewed", "/renew", ["find", "replace"], "/change"],
  ])("%s", async (_, path, calls, before) => {
    await using app = await run(answer);
    const visitor = new Visitor(app.url);
    if (before !== undefined) await visitor.get(before);
    app.store.takeCalls();
    await visitor.get(path);
    expect(app.store.calls).toEqual(calls);
  });
});

describe("a request that changes nothing, with an idle timeout", () => {
  const idle = { idleTimeoutMs: 10_000, touchAfterMs: 2000 };

  it("touches when touchAfterMs has passed since the last touch, and not before", async () => {
    await using app = await run(answer, idle);
    const visitor = new Visitor(app.url);
    await visitor.get("/change");
    const callsAfter = async (ms: number) => {
      app.clock.advance(ms);
      app.store.takeCalls();
      await visitor.get();
      return app.store.takeCalls();
    };
    expect(await callsAfter(1999)).toEqual(["find"]);
    expect(await callsAfter(1)).toEqual(["find", "touch"]);
    expect(await callsAfter(1999)).toEqual(["find"]);
    expect(await callsAfter(1)).toEqual(["find", "touch"]);
  });

  it("touches once per request with touchAfterMs 0, however the response is sent", async () => {
    await using app = await run(
      async (session, res, req) => {
        if (req.url === "/change") session.set("x", 1);
        res.writeHead(200);
        res.write("one");
        await new Promise((resolve) => setImmediate(resolve));
        res.end("two");
      },
      { idleTimeoutMs: 10_000, touchAfterMs: 0 },
    );
    const visitor = new Visitor(app.url);
    await visitor.get("/change");
    app.store.takeCalls();
    await visitor.get();
    expect(app.store.takeCalls()).toEqual(["find", "touch"]);
  });

  it.each([
    [10_000, 1000],
    [3_600_000, 60_000],
  ])("with an idle timeout of %d touches by default after %d", async (idleTimeoutMs, touchAfterMs) => {
    await using app = await run(answer, { idleTimeoutMs });
    const visitor = new Visitor(app.url);
    await visitor.get("/change");
    app.store.takeCalls();
    app.clock.advance(touchAfterMs - 1);
    await visitor.get();
    expect(app.store.takeCalls()).toEqual(["find"]);
    app.clock.advance(1);
    await visitor.get();
    expect(app.store.takeCalls()).toEqual(["find", "touch"]);
  });

  it("touches once for two commits of one request", async () => {
    await using app = await run(answer, idle);
    const visitor = new Visitor(app.url);
    await visitor.get("/change");
    app.clock.advance(2000);
    const session = await app.sessions.load(visitor.token);
    await app.sessions.commit(session);
    await app.sessions.commit(session);
    expect(app.store.calls.filter((call) => call === "touch")).toHaveLength(1);
    expect(session.status).toBe("unmodified");
    expect(session.get("visits")).toBe(1);
  });

  it("does not touch a session whose record already lasts to its absolute deadline", async () => {
    await using app = await run(answer, { lifetimeMs: 15_000, ...idle });
    const visitor = new Visitor(app.url);
    await visitor.get("/change");
    app.clock.advance(6000);
    await visitor.get(); // touches, to the deadline
    app.clock.advance(6000);
    app.store.takeCalls();
    await visitor.get();
    expect(app.store.takeCalls()).toEqual(["find"]);
  });

  it("does not touch a session that it changes or ends", async () => {
    await using app = await run(answer, idle);
    const visitor = new Visitor(app.url);
    await visitor.get("/change");
    for (const [path, calls] of [
      ["/change", ["find", "replace"]],
      ["/renew", ["find", "replace"]],
      ["/logout", ["find", "replace"]],
    ] as const) {
      app.clock.advance(5000);
      app.store.takeCalls();
      await visitor.get(path);
      expect(app.store.takeCalls()).toEqual(calls);
    }
  });
});
