import { describe, expect, it } from "vitest";
import { answer, loggedIn } from "./fixtures/logged-in-visitor.js";
import { run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

describe("a session that is destroyed during its commit", () => {
  const commits = [
    { name: "a change", calls: ["replace"] },
    { name: "a change that merges", calls: ["replace", "find", "replace"] },
    { name: "a renewal", calls: ["replace"] },
    { name: "a renewal that merges", calls: ["replace", "find", "replace"] },
  ] as const;
  const moments = commits.flatMap(({ name, calls }) =>
    calls.map((call, at) => ({ name, call, nth: at + 1, calls: calls.slice(0, at + 1) })),
  );

  it.each(moments)("stays destroyed, before call $nth of $name, $call", async ({ name, calls }) => {
    await using session = await loggedIn();
    const { sessions, store } = session.app;
    const loaded = await session.load();
    if (name.startsWith("a renewal")) loaded.renew();
    else loaded.set("page", 2);
    if (name.endsWith("merges")) await session.visitor.clone().get("/save/other");
    await store.interrupt(
      calls,
      () => sessions.commit(loaded),
      () => loaded.destroy(),
    );
    expect(await store.contents()).toEqual([]);
    expect([...loaded.keys()]).toEqual([]);
    expect(loaded.token).toBeUndefined();
    expect(loaded.status).toBe("destroyed");
    store.takeCalls();
    expect(await sessions.commit(loaded)).toBeUndefined();
    expect(store.takeCalls()).toEqual([]);
  });

  it.each(moments)(
    "begins another if it gets values, before call $nth of $name, $call",
    async ({ name, calls }) => {
      await using session = await loggedIn();
      const { sessions, store } = session.app;
      const loaded = await session.load();
      if (name.startsWith("a renewal")) loaded.renew();
      else loaded.set("page", 2);
      if (name.endsWith("merges")) await session.visitor.clone().get("/save/other");
      await store.interrupt(
        calls,
        () => sessions.commit(loaded),
        () => {
          loaded.destroy();
          loaded.set("flash", "You are logged out.");
        },
      );
      expect(await store.contents()).toEqual([]);
      expect(String(await sessions.commit(loaded))).toContain(`=${loaded.token};`);
      expect(await store.contents()).toEqual([{ flash: "You are logged out." }]);
      expect((await session.visitor.get()).body).toBe("nobody");
    },
  );

  it("stays destroyed if it was about to be inserted", async () => {
    await using session = await loggedIn();
    const { sessions, store } = session.app;
    await session.visitor.get("/logout");
    const begun = await sessions.load(undefined);
    begun.set("userId", "u2");
    const gate = store.pause("replace");
    const commit = sessions.commit(begun);
    await gate.reached;
    begun.destroy();
    gate.release();
    expect(await commit).toBeUndefined();
    expect(await sessions.commit(begun)).toBeUndefined();
    expect(begun.token).toBeUndefined();
    expect(begun.status).toBe("destroyed");
    expect(await store.contents()).toEqual([]);
  });

  it("stays destroyed if it was being touched", async () => {
    await using app = await run(answer, { idleTimeoutMs: 1000, touchAfterMs: 0 });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const loaded = await app.sessions.load(visitor.token);
    const gate = app.store.pause("touch");
    const commit = app.sessions.commit(loaded);
    await gate.reached;
    loaded.destroy();
    loaded.set("flash", "bye");
    gate.release();
    await commit;
    await app.sessions.commit(loaded);
    expect(await app.store.contents()).toEqual([{ flash: "bye" }]);
    expect(loaded.token).not.toBe(visitor.token);
  });

  it("ends before an already written answer leaves", async () => {
    await using app = await run((session, res, req) => {
      session.set("userId", "u1");
      res.end();
      if (req.url === "/logout") session.destroy();
    });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    await visitor.get("/logout");
    expect(visitor.token).toBeUndefined();
    expect(await app.store.contents()).toEqual([]);
  });
});
