import { describe, expect, it } from "vitest";
import { run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const MINUTE_MS = 60_000;

/** Sends a request with the visitor's cookie and these headers, ten minutes after the last one. */
async function callsOf(headers: Record<string, string>, path = "/"): Promise<string[]> {
  await using app = await run(
    (session, res, req) => {
      if (req.url === "/change") session.set("page", 1);
      res.end(String(session.get("userId")));
    },
    { idleTimeoutMs: 30 * MINUTE_MS },
  );
  const session = await app.sessions.load(undefined);
  await app.sessions.commit(session.set("userId", "u1"));
  app.store.takeCalls();
  app.clock.advance(10 * MINUTE_MS);
  const cookie = `${app.sessions.cookieName}=${session.token}`;
  const response = await fetch(app.url + path, { headers: { cookie, ...headers } });
  expect(await response.text()).toBe("u1");
  return app.store.takeCalls();
}

describe("with an idle timeout, a session is not kept alive", () => {
  it.each([
    ["by a browser that prefetches a page", { "sec-purpose": "prefetch" }],
    ["by one that renders it in advance", { "sec-purpose": "prefetch;prerender" }],
    ["by older browsers", { purpose: "prefetch" }],
    ["by Firefox before that header", { "x-moz": "prefetch" }],
    ["by a prefetch of Next.js", { rsc: "1", "next-router-prefetch": "1" }],
    ["by a picture of a page", { "sec-fetch-dest": "image" }],
    ["by a style sheet", { "sec-fetch-dest": "style" }],
    ["by a script", { "sec-fetch-dest": "script" }],
    ["by a font", { "sec-fetch-dest": "font" }],
  ])("%s", async (_, headers) => {
    expect(await callsOf(headers as unknown as Record<string, string>)).toEqual(["find"]);
  });

  it.each([
    ["a page", { "sec-fetch-dest": "document" }],
    ["a call of a script", { "sec-fetch-dest": "empty" }],
    ["a client that says nothing", {}],
  ])("but by %s it is", async (_, headers) => {
    expect(await callsOf(headers as unknown as Record<string, string>)).toEqual(["find", "touch"]);
  });

  it("but a change by such a request is saved", async () => {
    expect(await callsOf({ "sec-purpose": "prefetch" }, "/change")).toEqual(["find", "replace"]);
  });

  it("unless the app commits the session itself", async () => {
    await using app = await run(
      async (session, res) => {
        await app.sessions.commit(session);
        res.end("noted");
      },
      { idleTimeoutMs: 30 * MINUTE_MS },
    );
    const session = await app.sessions.load(undefined);
    await app.sessions.commit(session.set("userId", "u1"));
    app.clock.advance(10 * MINUTE_MS);
    const visitor = new Visitor(app.url, { [app.sessions.cookieName]: session.token ?? "" });
    app.store.takeCalls();
    await visitor.get("/", {});
    expect(app.store.takeCalls()).toEqual(["find", "touch"]);
  });
});
