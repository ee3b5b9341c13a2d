import { describe, expect, it } from "vitest";
import session from "../src/index.js";
import { serveAuthorization } from "./fixtures/authorization-server.js";
import { backends } from "./fixtures/backends.js";
import { Browser } from "./fixtures/browser.js";
import { passportApp } from "./fixtures/passport-app.js";
import { usePostgres } from "./fixtures/postgres.js";
import { serve } from "./fixtures/serve.js";

const url = usePostgres();
const ADA = { username: "ada", password: "lovelace" };

async function open(name: string) {
  const { store, [Symbol.asyncDispose]: close } = await (backends[name] as (typeof backends)[string])(url());
  const authorization = await serveAuthorization();
  const handler = session({
    ...{ secret: "keyboard cat", resave: false, saveUninitialized: false, store },
    owner: (data) => data.passport?.user,
  });
  const app = await serve(passportApp(handler, authorization.url));
  return {
    ...{ sessions: handler.sessions, browser: () => new Browser(app.url) },
    async [Symbol.asyncDispose]() {
      await app[Symbol.asyncDispose]();
      await authorization[Symbol.asyncDispose]();
      await close();
    },
  };
}

describe.each(Object.keys(backends))("Passport on %s", (name) => {
  it("logs in by password with a new ID, and logs out every holder of the cookie", async () => {
    await using app = await open(name);
    const browser = app.browser();
    await browser.post("/cart", { item: "tea" });
    const planted = browser.clone();
    const [, before] = (await browser.get("/data")).json() as [object, string];
    const answer = await browser.post("/login", ADA);
    expect([answer.status, answer.headers.get("location")]).toEqual([302, "/"]);
    expect((await browser.get("/")).json()).toBe("ada");
    const [data, after] = (await browser.get("/data")).json() as [object, string];
    expect(data).toEqual({ passport: { user: "1" } });
    expect(after).not.toBe(before);
    expect((await planted.get("/")).json()).toBeNull();
    const stolen = browser.clone();
    await browser.post("/logout");
    expect((await browser.get("/")).json()).toBeNull();
    expect((await stolen.get("/")).json()).toBeNull();
    expect((await stolen.get("/data")).json()).toEqual([{}, expect.any(String)]);
  });

  it("keepSessionInfo keeps only the values", async () => {
    await using app = await open(name);
    const browser = app.browser();
    await browser.post("/cart", { item: "tea" });
    await browser.post("/cart", { item: "cake" });
    await browser.post("/login/keep", ADA);
    const [data] = (await browser.get("/data")).json() as [object];
    expect(data).toEqual({ basket: ["tea", "cake"], passport: { user: "1" } });
  });

  it("failureMessage stores messages in the session, and failureFlash in the flash", async () => {
    await using app = await open(name);
    const browser = app.browser();
    const wrong = { ...ADA, password: "wrong" };
    expect((await browser.post("/login", wrong)).headers.get("location")).toBe("/login");
    await browser.post("/login", wrong);
    await browser.post("/login/flash", wrong);
    const messages = ["Wrong password.", "Wrong password."];
    expect((await browser.get("/login")).json()).toEqual({ messages, flashed: ["Wrong password."] });
    expect((await browser.get("/login")).json()).toEqual({ messages: [], flashed: [] });
  });

  it("returnTo, kept by keepSessionInfo, leads back to the page that required the log-in", async () => {
    await using app = await open(name);
    const browser = app.browser();
    expect((await browser.get("/private?tab=2")).headers.get("location")).toBe("/login");
    expect((await browser.post("/login/keep", ADA)).headers.get("location")).toBe("/private?tab=2");
    expect((await browser.get("/private")).text).toBe("private");
    await browser.post("/logout");
    expect((await browser.post("/login/keep", ADA)).headers.get("location")).toBe("/");
  });

  it("logs in at an authorization server, with a state in the session", async () => {
    await using app = await open(name);
    const browser = app.browser();
    const begun = await browser.get("/oauth");
    const [data] = (await browser.get("/data")).json() as [Record<string, unknown>];
    expect(Object.values(data)).toEqual([{ state: expect.any(String) }]);
    expect((await browser.follow(begun)).json()).toBe("ada");
    const [after] = (await browser.get("/data")).json() as [object];
    expect(after).toEqual({ passport: { user: "1" } });
    const forged = await browser.get("/oauth/callback?code=x&state=forged");
    expect([forged.status, forged.headers.get("location")]).toEqual([302, "/login"]);
  });

  it("connect-flash shows each message once", async () => {
    await using app = await open(name);
    const browser = app.browser();
    expect((await browser.follow(await browser.post("/note"))).json()).toEqual(["one", "two"]);
    expect((await browser.get("/notes")).json()).toEqual([]);
  });

  it("revokeAll ends all log-ins of one user only", async () => {
    await using app = await open(name);
    const [phone, laptop, bob] = [app.browser(), app.browser(), app.browser()];
    for (const browser of [phone, laptop]) await browser.post("/login", ADA);
    await bob.post("/login", { ...ADA, username: "bob" });
    expect(await app.sessions.revokeAll("1")).toBe(2);
    for (const browser of [phone, laptop]) expect((await browser.get("/")).json()).toBeNull();
    expect((await bob.get("/")).json()).toBe("bob");
  });
});
