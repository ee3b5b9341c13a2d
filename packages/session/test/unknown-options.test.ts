import { MemStore } from "@scs/memstore";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SessionManager, type SessionManagerOptions } from "../src/index.js";

let store: MemStore;

beforeAll(() => {
  store = new MemStore({ cleanupIntervalMs: 0 });
});

afterAll(() => store[Symbol.asyncDispose]());

const constructing = (options: object) => () =>
  new SessionManager({ store, ...options } as unknown as SessionManagerOptions);

describe("the constructor refuses options of other session managers, and names the replacement", () => {
  it.each<[object, string]>([
    [{ secret: "keyboard cat" }, "there is no option secret: leave it out"],
    [{ resave: false }, "there is no option resave: leave it out"],
    [{ saveUninitialized: false }, "there is no option saveUninitialized: leave it out"],
    [{ rolling: true }, "there is no option rolling: write idleTimeoutMs"],
    [{ name: "sid" }, "there is no option name: write cookie: { name }"],
    [{ key: "sid" }, "there is no option key: write cookie: { name }"],
    [{ genid: () => "1" }, "there is no option genid: leave it out"],
    [{ proxy: true }, "there is no option proxy: write trustProxy"],
    [{ unset: "destroy" }, "there is no option unset: leave it out: session.destroy()"],
    [{ ttl: 60 }, "there is no option ttl: write lifetimeMs, in milliseconds"],
    [{ maxAge: 60_000 }, "there is no option maxAge: write lifetimeMs, in milliseconds"],
    [{ hashTokens: true }, "there is no option hashTokens: leave it out"],
    [{ cookie: { maxAge: 60_000 } }, "there is no option cookie.maxAge: write lifetimeMs"],
    [{ cookie: { expires: new Date() } }, "there is no option cookie.expires: write lifetimeMs"],
    [{ cookie: { signed: true } }, "there is no option cookie.signed: leave it out"],
  ])("%o", (options, message) => {
    expect(constructing(options)).toThrow(TypeError);
    expect(constructing(options)).toThrow(message);
  });
});

describe("the constructor refuses a misspelt option, and lists the options", () => {
  it.each<[object, string, string]>([
    [{ idleTimeoutMS: 1000 }, "idleTimeoutMS", "idleTimeoutMs"],
    [{ lifeTimeMs: 1000 }, "lifeTimeMs", "lifetimeMs"],
    [{ maxperowner: 1 }, "maxperowner", "maxPerOwner"],
    [{ onerror: () => 0 }, "onerror", "onError"],
    [{ toString: 1 }, "toString", "lifetimeMs"],
    [{ ["__proto__"]: 1 }, "__proto__", "lifetimeMs"],
    [{ cookie: { httponly: true } }, "cookie.httponly", "httpOnly"],
    [{ cookie: { samesite: "lax" } }, "cookie.samesite", "sameSite"],
    [{ cookie: { constructor: 1 } }, "cookie.constructor", "sameSite"],
  ])("%o", (options, name, right) => {
    expect(constructing(options)).toThrow(TypeError);
    expect(constructing(options)).toThrow(`there is no option ${name}: the options are `);
    expect(constructing(options)).toThrow(right);
  });

  it("even if it is undefined", () => {
    expect(constructing({ secret: undefined })).toThrow("there is no option secret");
  });

  it.each<[unknown, string]>([
    [null, "cookie"],
    ["session", "cookie"],
    [5, "cookie"],
    [true, "cookie"],
  ])("cookie: %o is no set of options", (cookie, name) => {
    expect(constructing({ cookie })).toThrow(TypeError);
    expect(constructing({ cookie })).toThrow(name);
  });

  it("but treats undefined options of its own as missing", () => {
    const options = {
      ...{ lifetimeMs: undefined, idleTimeoutMs: undefined, touchAfterMs: undefined, cookie: undefined },
      ...{ transport: undefined, trustProxy: undefined, storeTimeoutMs: undefined, namespace: undefined },
      ...{ maxBytes: undefined, owner: undefined, describe: undefined, maxPerOwner: undefined },
      ...{ asyncContext: undefined, codec: undefined, now: undefined, onError: undefined },
    };
    expect(constructing(options)).not.toThrow();
  });
});

describe("the constructor refuses an option of the wrong type", () => {
  it.each<object>([
    { codec: {} },
    { codec: null },
    { codec: { encode: () => new Uint8Array() } },
    { codec: "json" },
    { transport: {} },
    { transport: { requestHeader: "x", responseHeader: "x" } },
    { transport: "x-session" },
    { trustProxy: "loopback" },
    { trustProxy: 1 },
    { asyncContext: "yes" },
    { asyncContext: 1 },
    { now: new Date() },
    { owner: null },
    { cookie: { httpOnly: "no" } },
    { cookie: { persist: 0 } },
    { cookie: { name: 5 } },
    { cookie: { domain: 5 } },
    { lifetimeMs: "1000" },
    { maxPerOwner: 10_001, owner: () => "u1" },
    { maxPerOwner: "5", owner: () => "u1" },
  ])("%o", (options) => {
    expect(constructing(options)).toThrow(/must|needs?|malformed|usable|no option/);
  });
});
