import type { IncomingMessage } from "node:http";
import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { SessionManager, type SessionManagerOptions } from "../src/index.js";

const store = new MemStore({ cleanupIntervalMs: 0 });

/** Constructs with options that the types may not allow, as an app in JavaScript would. */
const constructing = (options: unknown) => () =>
  new SessionManager({ store, ...(options as Partial<SessionManagerOptions>) });

describe("the constructor refuses a cookie that browsers would drop", () => {
  it.each([
    [
      { name: "my session" },
      'cookie.name "my session" is not usable: use only letters, digits and !#$%&\'*+-.^_`|~',
    ],
    [{ name: "" }, 'cookie.name "" is not usable'],
    [{ name: "a;b" }, 'cookie.name "a;b" is not usable'],
    [{ name: "sessión" }, 'cookie.name "sessión" is not usable'],
    [
      { sameSite: "none", secure: false },
      'cookie.sameSite "none" needs secure: browsers drop the cookie otherwise; use "lax"',
    ],
    [{ sameSite: "relaxed" }, 'cookie.sameSite must be "strict", "lax" or "none", got "relaxed"'],
    [{ sameSite: true }, 'cookie.sameSite must be "strict", "lax" or "none", got true'],
    [{ name: "__Host-sid", domain: "example.com" }, 'needs secure: true, path "/" and no domain'],
    [{ name: "__Host-sid", path: "/shop" }, 'needs secure: true, path "/" and no domain'],
    [{ name: "__Host-sid", secure: false }, 'needs secure: true, path "/" and no domain'],
    [{ name: "__host-sid", secure: false }, "leave those options out or choose another cookie.name"],
    [
      { name: "__Secure-sid", secure: false },
      "needs secure: true; choose another cookie.name for plain http",
    ],
    [
      { name: "__SECURE-sid", secure: false },
      "needs secure: true; choose another cookie.name for plain http",
    ],
    [{ name: "__Http-sid", secure: false }, '"__Http-…" needs secure: true'],
    [{ name: "__http-sid", httpOnly: false }, '"__Host-Http-…" needs httpOnly: true'],
    [{ name: "__Host-Http-sid", httpOnly: false }, '"__Host-Http-…" needs httpOnly: true'],
    [{ name: "__Host-Http-sid", domain: "example.com" }, 'needs secure: true, path "/" and no domain'],
    [{ partitioned: true, secure: false }, "cookie.partitioned needs secure: true"],
    [{ partitioned: true, secure: "auto" }, "cookie.partitioned needs secure: true"],
    [{ domain: "https://example.com" }, 'write a domain as in "example.com", without scheme and port'],
    [{ domain: "example.com:3000" }, 'write a domain as in "example.com", without scheme and port'],
    [{ domain: "a.com; Path=/" }, "cookie.domain or cookie.path is malformed"],
    [{ domain: "" }, "cookie.domain or cookie.path is malformed"],
    [{ path: "/a;b" }, 'a path without ";" and control characters'],
    [{ path: "/a\r\nSet-Cookie: b" }, 'a path without ";" and control characters'],
    [{ path: "shop" }, 'cookie.path must begin with "/", got "shop"'],
    [{ path: "" }, 'cookie.path must begin with "/", got ""'],
  ])("%o", (cookie, message) => {
    expect(constructing({ cookie })).toThrow(TypeError);
    expect(constructing({ cookie })).toThrow(message);
  });

  it.each([
    [{}, "__Host-session"],
    [{ secure: false }, "session"],
    [{ domain: "example.com" }, "__Secure-session"],
    [{ path: "/shop" }, "__Secure-session"],
    [{ domain: "example.com", secure: false }, "session"],
    [{ path: "/" }, "__Host-session"],
    [{ name: "__Host-sid" }, "__Host-sid"],
    [{ name: "__Secure-sid", domain: ".example.com" }, "__Secure-sid"],
    [{ name: "!#$%&'*+-.^_`|~09azAZ" }, "!#$%&'*+-.^_`|~09azAZ"],
    [{ sameSite: "none" }, "__Host-session"],
    [{ name: "__Host-Http-sid" }, "__Host-Http-sid"],
    [{ name: "__Http-sid", path: "/shop" }, "__Http-sid"],
    [{ sameSite: "none", partitioned: true }, "__Host-session"],
  ])("but not %o", (cookie, name) => {
    expect(constructing({ cookie })().cookieName).toBe(name);
  });
});

describe("the constructor refuses a missing store", () => {
  it.each([
    undefined,
    {},
    { store: undefined },
    { store: null },
    { store: {} },
    { store: "redis://localhost" },
  ])("%o", (options) => {
    const construct = () => new SessionManager(options as unknown as SessionManagerOptions);
    expect(construct).toThrow(TypeError);
    expect(construct).toThrow(
      "store is missing: pass one, as in new SessionManager({ store: new MemStore() })",
    );
  });
});

describe("the constructor refuses impossible lifetimes", () => {
  const century = 100 * 365.25 * 86_400_000;
  const impossible = [0, -1, 0.5, Number.NaN, "1", null, Number.POSITIVE_INFINITY, century + 1];

  it.each(impossible)("lifetimeMs: %o", (lifetimeMs) => {
    expect(constructing({ lifetimeMs })).toThrow(RangeError);
    expect(constructing({ lifetimeMs })).toThrow(
      `lifetimeMs must be a number of milliseconds from 1 to ${century}, got ${lifetimeMs}`,
    );
  });

  it.each(impossible)("idleTimeoutMs: %o", (idleTimeoutMs) => {
    expect(constructing({ idleTimeoutMs })).toThrow(RangeError);
    expect(constructing({ idleTimeoutMs })).toThrow(
      `idleTimeoutMs must be a number of milliseconds from 1 to ${century}, got ${idleTimeoutMs}`,
    );
  });

  it.each([-1, Number.NaN, "1", Number.POSITIVE_INFINITY])("touchAfterMs: %o", (touchAfterMs) => {
    const construct = constructing({ idleTimeoutMs: 1000, touchAfterMs });
    expect(construct).toThrow(RangeError);
    expect(construct).toThrow(
      `touchAfterMs must be a number of milliseconds from 0 to ${century}, got ${touchAfterMs}`,
    );
  });

  it("touchAfterMs without an idle timeout", () => {
    expect(constructing({ touchAfterMs: 0 })).toThrow(TypeError);
    expect(constructing({ touchAfterMs: 0 })).toThrow(
      "touchAfterMs needs idleTimeoutMs: set both, or neither",
    );
  });

  it.each([1000, 1001])(
    "touchAfterMs of %d with an idle timeout of 1000, which would end sessions in use",
    (ms) => {
      const construct = constructing({ idleTimeoutMs: 1000, touchAfterMs: ms });
      expect(construct).toThrow(RangeError);
      expect(construct).toThrow(`touchAfterMs must be less than idleTimeoutMs, 1000, got ${ms}`);
    },
  );

  it.each([
    { lifetimeMs: 1 },
    { lifetimeMs: century },
    { idleTimeoutMs: 1 },
    { idleTimeoutMs: 86_400_001 },
    { idleTimeoutMs: 1000, touchAfterMs: 0 },
    { idleTimeoutMs: 1000, touchAfterMs: 999 },
  ])("but not %o", (options) => {
    expect(constructing(options)).not.toThrow();
  });
});

it("a request that skipped the middleware has no session, and the error says what to do", () => {
  const sessions = new SessionManager({ store });
  const req = { headers: {} } as IncomingMessage;
  expect(() => sessions.get(req)).toThrow(
    "this request has no session yet: let sessions.middleware() handle it first, as in app.use(sessions.middleware())",
  );
});

describe("the constructor refuses an option that cannot work", () => {
  const plain = { find: async () => undefined, commit: async () => undefined, delete: async () => undefined };
  const owner = () => "u1";
  it.each<[object, typeof TypeError | typeof RangeError, string]>([
    [{ maxBytes: 0 }, RangeError, "maxBytes must be a whole number from 1, got 0"],
    [{ maxBytes: Number.POSITIVE_INFINITY }, RangeError, "maxBytes must be a whole number"],
    [{ owner, maxPerOwner: 0 }, RangeError, "maxPerOwner must be a whole number from 1 to 10000, got 0"],
    [{ owner, maxPerOwner: 1.5 }, RangeError, "maxPerOwner must be a whole number"],
    [{ maxPerOwner: 1 }, TypeError, "maxPerOwner and describe need owner"],
    [{ describe: owner }, TypeError, "maxPerOwner and describe need owner"],
    [{ owner, store: plain }, TypeError, "owner needs a store with replace()"],
    [{ owner: "userId" }, TypeError, "owner must be a function, got string"],
    [{ onError: "log" }, TypeError, "onError must be a function, got string"],
    [{ namespace: "a.b" }, TypeError, "namespace must consist of"],
    [{ namespace: "a".repeat(65) }, TypeError, "namespace must consist of"],
    [{ namespace: 5 }, TypeError, "namespace must consist of"],
    [{ transport: {}, cookie: {} }, TypeError, "set only one of them"],
    [{ cookie: { secure: "yes" } }, TypeError, 'cookie.secure must be true, false or "auto", got "yes"'],
    [{ cookie: { secure: "auto", name: "__Host-x" } }, TypeError, "needs secure: true"],
    [{ cookie: { secure: "auto", sameSite: "none" } }, TypeError, "needs secure"],
  ])("%o", (options, type, message) => {
    expect(constructing(options)).toThrow(type);
    expect(constructing(options)).toThrow(message);
  });
});
