import { H3, HTTPError, redirect, serve } from "h3";
import { describe, expect, it } from "vitest";
import { type H3Session, h3Sessions } from "../src/adapters/h3.js";
import { loseNothing } from "./fixtures/parallel-requests.js";
import type { Values } from "./fixtures/running-app.js";
import { RunningManager } from "./fixtures/running-manager.js";
import { Visitor } from "./fixtures/visitor.js";

async function listening(running: RunningManager) {
  const useSession = h3Sessions(running.sessions);
  const app = new H3();
  app.get("/", async (event) => (await useSession(event)).data);
  app.get("/login", async (event) => {
    const session = await useSession(event);
    await session.renew();
    await session.update({ userId: "u1", visits: 0 });
    return redirect("/");
  });
  app.get("/visit", async (event) => {
    const session: H3Session<Values> = await useSession(event);
    expect(await useSession(event)).toBe(session);
    const same = await session.update((data) => ({ visits: Number(data.visits) + 1 }));
    expect(same).toBe(session);
    return session.data.visits;
  });
  app.get("/forget", async (event) => (await (await useSession(event)).update({ visits: undefined })).data);
  app.get("/logout", async (event) => (await (await useSession(event)).clear()).data);
  app.get("/login-broken", async (event) => {
    await (await useSession(event)).update({ userId: "u1" });
    throw new HTTPError({ status: 418 });
  });
  app.get("/key/:key", async (event) => {
    await (await useSession(event)).update({ [event.context.params?.key as string]: true });
    return "kept";
  });
  const server = serve(app, { port: 0, hostname: "127.0.0.1", silent: true, gracefulShutdown: false });
  await server.ready();
  const visitor = new Visitor(server.url as string);
  return { visitor, app, [Symbol.asyncDispose]: () => server.close(true) };
}
const data = async (visitor: Visitor) => JSON.parse((await visitor.get()).body);

describe("h3 2: a composable of the shape of useSession", () => {
  it("begins, reads, updates, renews and ends a session, and saves each change at once", async () => {
    await using running = new RunningManager();
    await using server = await listening(running);
    const { visitor } = server;
    expect(await data(visitor)).toEqual({});
    expect(running.store.calls).toEqual([]);
    const login = await visitor.get("/login");
    expect([login.status, login.setCookies, login.headers.get("cache-control")]).toEqual([
      302,
      [expect.stringMatching(/^__Host-session=[\w.-]{66}; /)],
      "no-store",
    ]);
    expect((await visitor.get("/visit")).body).toBe("1");
    expect(await data(visitor)).toEqual({ userId: "u1", visits: 1 });
    expect((await visitor.get("/forget")).body).toBe('{"userId":"u1"}');
    const stolen = visitor.clone();
    expect((await visitor.get("/logout")).setCookies).toEqual([expect.stringContaining("Max-Age=0")]);
    expect(await data(stolen)).toEqual({});
    expect(await running.store.keys()).toEqual([]);
  });

  it("renew() makes the old token invalid", async () => {
    await using running = new RunningManager();
    await using server = await listening(running);
    await server.visitor.get("/key/cart");
    const planted = server.visitor.clone();
    await server.visitor.get("/login");
    expect(await data(server.visitor)).toMatchObject({ userId: "u1", cart: true });
    expect(await data(planted)).toEqual({});
  });

  it("an error page sets the cookie of a session that was saved before", async () => {
    await using running = new RunningManager();
    await using server = await listening(running);
    const answer = await server.visitor.get("/login-broken");
    expect([answer.status, answer.setCookies.length]).toEqual([418, 1]);
    expect(await data(server.visitor)).toEqual({ userId: "u1" });
  });

  it("parallel requests lose no change, and never undo a log-out", async () => {
    await using running = new RunningManager();
    await using server = await listening(running);
    await server.visitor.get("/login");
    await loseNothing(server.visitor, { set: (key) => `/key/${key}`, keys: "/" });
  });

  it("with an idle timeout, a request that reads the session restarts it, but a prefetch does not", async () => {
    await using running = new RunningManager({ idleTimeoutMs: 60_000 });
    await using server = await listening(running);
    const cookie = await running.begin();
    running.clock.advance(30_000);
    const url = "http://app/";
    await server.app.request(url, { headers: { cookie, "sec-purpose": "prefetch" } });
    expect(running.store.takeCalls()).toEqual(["find"]);
    await server.app.request(url, { headers: { cookie } });
    expect(running.store.takeCalls()).toEqual(["find", "touch"]);
  });

  it("a call with another object is an error that names the import", async () => {
    await using running = new RunningManager();
    const useSession = h3Sessions(running.sessions);
    expect(() => useSession(new Request("http://app/") as never)).toThrow("@scs/session/fetch");
  });
});
