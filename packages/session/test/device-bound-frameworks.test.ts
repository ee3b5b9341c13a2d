import { request } from "node:http";
import express from "express";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { BoundBrowser } from "./fixtures/bound-browser.js";
import { boundListeners } from "./fixtures/bound-servers.js";
import { act, boundBrowser } from "./fixtures/device-bound-app.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve, type Values } from "./fixtures/running-app.js";

function sessionsWith(path?: string): { sessions: SessionManager<Values>; clock: MovingClock } {
  const clock = new MovingClock();
  const sessions = new SessionManager<Values>({
    ...{ store: new RecordingStore(clock.now), now: clock.now },
    ...{
      deviceBound: path === undefined ? true : { path },
      owner: (data) => data.userId as string | undefined,
    },
  });
  return { sessions, clock };
}

describe.each(Object.keys(boundListeners))("with %s, a session", (framework) => {
  it("is bound and refreshed, stops a thief, and ends", async () => {
    const { sessions, clock } = sessionsWith();
    await using server = await serve(
      await (boundListeners[framework] as (typeof boundListeners)[string])(sessions),
    );
    const browser = await boundBrowser({ open: () => new BoundBrowser(server.url) });
    expect((await browser.get()).body).toBe("u1 bound");
    clock.advance(300_000);
    browser.expireBoundCookie();
    expect((await browser.get("/cart")).body).toBe("u1 bound");
    expect(browser.own).toEqual(["/.session/bind", "/.session/refresh"]);
    expect((await browser.stolen("__Host-session").get()).body).toBe("nobody unproven");
    await browser.get("/logout");
    expect(browser.cookies.size).toBe(0);
    expect((await browser.get()).body).toBe("nobody none");
  });

  it("that was just bound makes the browser repeat a request without its cookie", async () => {
    const { sessions } = sessionsWith();
    await using server = await serve(
      await (boundListeners[framework] as (typeof boundListeners)[string])(sessions),
    );
    const browser = await boundBrowser({ open: () => new BoundBrowser(server.url) });
    const { status, headers, body } = await browser.stolen("__Host-session").send("/cart?a=1");
    expect([status, headers.get("location"), body]).toEqual([307, "/cart?a=1", ""]);
  });
});

it("in an app that Express mounts below a path, browsers bind and refresh there", async () => {
  const { sessions } = sessionsWith("/shop/device");
  const inner = express().use(sessions.middleware());
  inner.use((req, res) => void res.send(act(new URL(req.url, "http://localhost"), sessions.get(req))));
  await using server = await serve(express().use("/shop", inner));
  const browser = new BoundBrowser(server.url);
  await browser.get("/shop/login");
  expect((await browser.get("/shop/")).body).toBe("u1 bound");
  expect((await browser.refresh()).status).toBe(200);
  const { headers } = await browser.stolen("__Host-session").send("/shop/cart");
  expect(headers.get("location")).toBe("/shop/cart");
});

it("no request sends the user's browser to another host", async () => {
  const { sessions } = sessionsWith();
  await using server = await serve(
    await (boundListeners["node:http"] as (typeof boundListeners)[string])(sessions),
  );
  const browser = await boundBrowser({ open: () => new BoundBrowser(server.url) });
  for (const path of ["//evil.test/", "/\\evil.test"]) {
    const location = await new Promise((resolve, reject) => {
      const headers = { cookie: `__Host-session=${browser.token}` };
      const { port } = new URL(server.url);
      request({ host: "127.0.0.1", port, path, headers }, (res) => {
        res.resume();
        resolve(res.headers.location);
      })
        .on("error", reject)
        .end();
    });
    expect(location, path).toBeUndefined();
  }
});
