import { MemStore } from "@scs/memstore";
import { SessionManager } from "@scs/session";
import cookieParser from "cookie-parser";
import { doubleCsrf } from "csrf-csrf";
import express from "express";
import { expect, it } from "vitest";
import { Browser } from "./fixtures/browser.js";
import { serve } from "./fixtures/serve.js";

// docs/security.md recommends this for a token in the form.
it("csrf-csrf binds its token to session.id of the manager, until the session is renewed", async () => {
  const sessions = new SessionManager<{ user: string }>({
    store: new MemStore({ cleanupIntervalMs: 0 }),
    cookie: { secure: false },
  });
  const { doubleCsrfProtection, generateCsrfToken } = doubleCsrf({
    getSecret: () => "a secret",
    getSessionIdentifier: (req) => sessions.get(req).id,
    cookieName: "csrf",
    cookieOptions: { secure: false },
  });
  const app = express().use(sessions.middleware()).use(cookieParser());
  app.get("/login", (req, res) => {
    sessions.get(req).set("user", "u1");
    sessions.get(req).renew();
    res.end();
  });
  app.get("/form", (req, res) => void res.send(generateCsrfToken(req, res, { overwrite: true })));
  app.post("/form", doubleCsrfProtection, (_req, res) => void res.send("done"));
  const onError: express.ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.statusCode ?? 500).end();
  };
  await using served = await serve(app.use(onError));
  const [browser, other] = [new Browser(served.url), new Browser(served.url)];
  const post = async (from: Browser, token: string) =>
    (await from.post("/form", {}, { "x-csrf-token": token })).status;
  for (const each of [browser, other]) await each.get("/login");
  const token = (await browser.get("/form")).text;
  expect(await post(browser, token)).toBe(200);
  expect(await post(browser, "")).toBe(403);
  await other.get("/form");
  expect(await post(other, token)).toBe(403);
  await browser.get("/login");
  expect(await post(browser, token)).toBe(403);
  expect(await post(browser, (await browser.get("/form")).text)).toBe(200);
});
