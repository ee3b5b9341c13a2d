import connect from "connect";
import express from "express";
import { Hono } from "hono";
import { describe, expect, it } from "vitest";
import { fetchHandler } from "../src/adapters/fetch.js";
import { type CrossOriginRequest, csrfCheck, csrfProtection } from "../src/csrf.js";
import { SessionManager } from "../src/index.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve } from "./fixtures/running-app.js";

const ALLOWED = "allowed";

/** Checks a request with these headers to https://shop.test:8443. */
function outcomeOf(
  headers: Record<string, string>,
  { method = "POST", check = csrfCheck() }: { method?: string; check?: ReturnType<typeof csrfCheck> } = {},
): string {
  const heads: CrossOriginRequest[] = [
    { method, url: "/pay", headers: { host: "shop.test:8443", ...headers } },
    { method, url: "/pay", headers: { ":authority": "shop.test:8443", ...headers } }, // HTTP/2
    { method, url: "https://shop.test:8443/pay", headers: new Headers(headers) }, // a Request
  ];
  const outcomes = heads.map((head) => {
    try {
      check(head);
      return ALLOWED;
    } catch (error) {
      const { name, code, statusCode } = error as { name: string; code: string; statusCode: number };
      return `${name} ${code} ${statusCode}`;
    }
  });
  expect(new Set(outcomes).size, outcomes.join()).toBe(1);
  return outcomes[0] as string;
}

const REFUSED = "CsrfError CROSS_ORIGIN 403";

describe("a request that may change something", () => {
  it.each([
    [{ "sec-fetch-site": "same-origin" }, ALLOWED],
    [{ "sec-fetch-site": "none" }, ALLOWED],
    [{ "sec-fetch-site": "same-site" }, REFUSED],
    [{ "sec-fetch-site": "cross-site" }, REFUSED],
    [{ "sec-fetch-site": "" }, REFUSED],
    [{ "sec-fetch-site": "something new" }, REFUSED],
    [{ "sec-fetch-site": "same-origin, cross-site" }, REFUSED],
    [{ "sec-fetch-site": "cross-site", origin: "https://shop.test:8443" }, REFUSED],
    [{ "sec-fetch-site": "same-origin", origin: "https://evil.test" }, ALLOWED],
    [{ origin: "https://shop.test:8443" }, ALLOWED],
    [{ origin: "http://shop.test:8443" }, ALLOWED],
    [{ origin: "https://shop.test" }, REFUSED],
    [{ origin: "https://shop.test:8443.evil.test" }, REFUSED],
    [{ origin: "https://evil.test" }, REFUSED],
    [{ origin: "null" }, REFUSED],
    [{ origin: "" }, REFUSED],
    [{ origin: "shop.test:8443" }, REFUSED],
    [{ origin: "https://shop.test:8443, https://evil.test" }, REFUSED],
    [{}, ALLOWED], // not from a browser
    [{ referer: "https://evil.test/" }, ALLOWED],
  ] as [Record<string, string>, string][])("with %o is %s", (headers, expected) => {
    expect(outcomeOf(headers)).toBe(expected);
  });

  it.each(["POST", "PUT", "PATCH", "DELETE", "CONNECT", "SOMETHING", "post", "get"])("is of %s", (method) => {
    expect(outcomeOf({ "sec-fetch-site": "cross-site" }, { method })).toBe(REFUSED);
  });
});

describe("a request that changes nothing", () => {
  it.each(["GET", "HEAD", "OPTIONS", "TRACE"])("with %s may come from anywhere", (method) => {
    expect(outcomeOf({ "sec-fetch-site": "cross-site" }, { method })).toBe(ALLOWED);
    expect(outcomeOf({ origin: "https://evil.test" }, { method })).toBe(ALLOWED);
  });

  it("does not include the handshake of a WebSocket", () => {
    const headers = { upgrade: "websocket", origin: "https://evil.test" };
    expect(outcomeOf(headers, { method: "GET" })).toBe(REFUSED);
    expect(outcomeOf({ ...headers, origin: "https://shop.test:8443" }, { method: "GET" })).toBe(ALLOWED);
  });
});

describe("options", () => {
  it("name other trusted origins", () => {
    const check = csrfCheck({ trustedOrigins: ["https://admin.test"] });
    const headers = { "sec-fetch-site": "cross-site", origin: "https://admin.test" };
    expect(outcomeOf(headers, { check })).toBe(ALLOWED);
    expect(outcomeOf({ ...headers, origin: "http://admin.test" }, { check })).toBe(REFUSED);
    expect(outcomeOf({ ...headers, origin: "https://admin.test.evil.test" }, { check })).toBe(REFUSED);
  });

  it("exempt requests from the check", () => {
    const check = csrfCheck({ exempt: ({ url }: CrossOriginRequest) => url?.endsWith("/pay") === true });
    expect(outcomeOf({ "sec-fetch-site": "cross-site" }, { check })).toBe(ALLOWED);
    const none = csrfCheck({ exempt: () => undefined as unknown as boolean });
    expect(outcomeOf({ "sec-fetch-site": "cross-site" }, { check: none })).toBe(REFUSED);
  });

  it.each(["admin.test", "https://admin.test/", "https://admin.test/path", "*", "", "null", 5])(
    "refuse %o as an origin",
    (origin) => {
      expect(() => csrfCheck({ trustedOrigins: [origin as string] })).toThrow(
        /trustedOrigins: .* is not an origin/,
      );
    },
  );

  it("refuse an exempt that is not a function", () => {
    expect(() => csrfCheck({ exempt: "/webhook" as never })).toThrow("exempt must be a function");
  });
});

describe("in a framework", () => {
  const sessions = () => new SessionManager({ store: new RecordingStore(), cookie: { secure: false } });
  const cross = { method: "POST", headers: { "sec-fetch-site": "cross-site" } };
  const own = { method: "POST", headers: { "sec-fetch-site": "same-origin" } };

  it.each([
    ["Express", () => express().set("env", "test").use(csrfProtection())],
    ["Connect", () => connect().use(csrfProtection())],
  ] as const)(
    "%s answers 403 before the app sees the request, with its own error handling",
    async (_, make) => {
      let seen = 0;
      const app = make() as ReturnType<typeof express>;
      app.use((_req, res) => {
        seen++;
        res.end("paid");
      });
      await using server = await serve(app);
      expect((await fetch(server.url, cross)).status).toBe(403);
      expect(seen).toBe(0);
      expect(await (await fetch(server.url, own)).text()).toBe("paid");
      expect(await (await fetch(server.url)).text()).toBe("paid");
    },
  );

  it("node:http answers 403", async () => {
    const protect = csrfProtection();
    await using server = await serve((req, res) => protect(req, res, () => void res.end("paid")));
    const refused = await fetch(server.url, cross);
    expect([refused.status, await refused.text()]).toEqual([403, "Forbidden\n"]);
    expect(await (await fetch(server.url, own)).text()).toBe("paid");
  });

  it("Hono calls the check in its own middleware", async () => {
    const manager = sessions();
    const check = csrfCheck();
    const app = new Hono();
    app.onError((error, c) => c.text(error.message, (error as { status?: 403 }).status ?? 500));
    app.use(async (c, next) => {
      check(c.req.raw);
      await next();
    });
    app.post("/", (c) => c.text("paid"));
    const handle = fetchHandler(manager, app.fetch);
    expect((await handle(new Request("https://shop.test/", cross))).status).toBe(403);
    expect((await handle(new Request("https://shop.test/", own))).status).toBe(200);
  });
});
