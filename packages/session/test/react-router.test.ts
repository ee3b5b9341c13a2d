import { type createContext, createRequestHandler } from "react-router";
import { describe, expect, expectTypeOf, it } from "vitest";
import { reactRouterSessions } from "../src/adapters/react-router.js";
import type { Session } from "../src/index.js";
import { serveFetch } from "./fixtures/fetch-server.js";
import { loseNothing } from "./fixtures/parallel-requests.js";
import { serverBuild } from "./fixtures/react-router-app.js";
import type { Values } from "./fixtures/running-app.js";
import { RunningManager } from "./fixtures/running-manager.js";
import { Visitor } from "./fixtures/visitor.js";

async function listening(running: RunningManager) {
  const own = reactRouterSessions(running.sessions);
  const handler = createRequestHandler(serverBuild(own.sessionMiddleware, running, own), "production");
  const server = await serveFetch((request) => handler(request));
  return { visitor: new Visitor(server.url), [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const post = { method: "POST" };

describe("under React Router's createRequestHandler", () => {
  it.each([
    ["documents", "", 303],
    [".data requests", ".data", 202],
  ])("actions and loaders have the session: by %s", async (_, suffix, status) => {
    await using running = new RunningManager();
    await using app = await listening(running);
    const { visitor } = app;
    const home = suffix === "" ? "/" : "/_root.data";
    expect((await visitor.get(home)).body).toContain("nobody");
    expect(running.store.calls).toEqual([]);
    const login = await visitor.get(`/login${suffix}`, post);
    expect([login.status, login.setCookies, login.headers.get("cache-control")]).toEqual([
      status,
      [expect.stringMatching(/^__Host-session=/)],
      "no-store",
    ]);
    expect(running.store.takeCalls()).toEqual(["replace"]);
    expect((await visitor.get(home)).body).toContain("u1");
    expect(running.store.takeCalls()).toEqual(["find"]);
    const stolen = visitor.clone();
    expect((await visitor.get(`/logout${suffix}`, post)).setCookies).toEqual([
      expect.stringContaining("Max-Age=0"),
    ]);
    expect((await stolen.get(home)).body).toContain("nobody");
    expect([await running.store.keys(), running.errors]).toEqual([[], []]);
  });

  it("parallel requests lose no change, and never undo a log-out", async () => {
    await using running = new RunningManager();
    await using app = await listening(running);
    await app.visitor.get("/login", post);
    await loseNothing(app.visitor, { logOut: post });
    expect(running.errors).toEqual([]);
  });

  it("the context has the type of the session", async () => {
    await using running = new RunningManager();
    const { sessionContext } = reactRouterSessions(running.sessions);
    expectTypeOf(sessionContext).toExtend<ReturnType<typeof createContext<Session<Values>>>>();
  });
});
