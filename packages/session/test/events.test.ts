import { channel, subscribe, tracingChannel, unsubscribe } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import type { SessionEventName } from "../src/index.js";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { accounts, logIn } from "./fixtures/owned-sessions.js";
import { run } from "./fixtures/running-app.js";
import { stored } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

const names: SessionEventName[] = ["created", "renewed", "destroyed", "revoked", "conflict", "unknown"];

/** An app with owners, and the events of its sessions. */
function heard(options: Parameters<typeof accounts>[0] = {}) {
  const app = accounts(options);
  const events: [SessionEventName, unknown][] = [];
  for (const name of names) app.sessions.on(name, (event) => events.push([name, event]));
  return { ...app, take: () => events.splice(0) };
}

describe("events", () => {
  it("report that a session is created, renewed and destroyed", async () => {
    await using app = heard();
    const session = await logIn(app.sessions, "u1");
    const { handle } = session;
    expect(app.take()).toEqual([["created", { owner: "u1", handle }]]);
    await app.sessions.commit(session.set("page", 2));
    expect(app.take()).toEqual([]);
    await app.sessions.renew(session);
    expect(app.take()).toEqual([["renewed", { owner: "u1", handle }]]);
    await app.sessions.destroy(session);
    expect(app.take()).toEqual([["destroyed", { owner: "u1", handle, reason: "destroyed" }]]);
  });

  it("report once that a session is destroyed by a request with two of its tokens", async () => {
    await using app = heard();
    const session = await logIn(app.sessions, "u1");
    const { token: old } = session;
    session.renew({ graceMs: 60_000 });
    await app.sessions.commit(session);
    app.take();
    const cookie = `${app.sessions.cookieName}=${session.token}; ${app.sessions.cookieName}=${old}`;
    const both = await app.sessions.load({ headers: { cookie } });
    both.destroy();
    await app.sessions.commit(both);
    expect(app.take().map(([name]) => name)).toEqual(["destroyed"]);
  });

  it("report a session that others ended, or that expired", async () => {
    await using app = heard({ lifetimeMs: 1000 });
    const session = await logIn(app.sessions, "u1");
    const [late, other] = [await app.sessions.load(session.token), await app.sessions.load(session.token)];
    await app.sessions.destroy(other);
    app.take();
    await app.sessions.commit(late.set("page", 2));
    expect(app.take()).toEqual([["destroyed", { owner: "u1", handle: session.handle, reason: "ended" }]]);
    const expiring = await logIn(app.sessions, "u1");
    const { handle } = expiring;
    app.take();
    app.clock.advance(1000);
    await app.sessions.commit(expiring.set("page", 2));
    expect(app.take()).toEqual([["destroyed", { owner: "u1", handle, reason: "expired" }]]);
  });

  it("report revoked sessions, with the reason", async () => {
    await using app = heard({ maxPerOwner: 2 });
    const [one, two, three] = [
      await logIn(app.sessions, "u1"),
      await logIn(app.sessions, "u1"),
      await logIn(app.sessions, "u1"),
    ];
    expect(app.take().filter(([name]) => name === "revoked")).toEqual([
      ["revoked", { owner: "u1", handle: one.handle, reason: "limit" }],
    ]);
    await app.sessions.revoke(two.handle);
    expect(app.take()).toEqual([["revoked", { owner: "u1", handle: two.handle, reason: "revoked" }]]);
    await app.sessions.revokeAll("u1");
    expect(app.take()).toEqual([["revoked", { owner: "u1", handle: three.handle, reason: "revoked" }]]);
  });

  it("report invalid tokens with the remote address, to limit guessing", async () => {
    await using app = await run((_, res) => void res.end());
    const told: unknown[] = [];
    app.sessions.on("unknown", (event) => told.push(event));
    for (const token of [madeUpToken(), madeUpToken().slice(1), ""]) {
      await new Visitor(app.url, { "__Host-session": token }).get();
    }
    await new Visitor(app.url, { other: "x" }).get();
    await app.sessions.load(madeUpToken());
    const remoteAddress = "127.0.0.1";
    expect(told).toEqual([
      { isMalformed: false, remoteAddress },
      { isMalformed: true, remoteAddress },
      { isMalformed: true, remoteAddress },
      { isMalformed: false, remoteAddress: undefined },
    ]);
  });

  it("report two requests that changed one session at once", async () => {
    await using app = heard();
    const session = await logIn(app.sessions, "u1");
    const { handle } = session;
    const other = await app.sessions.load(session.token);
    await app.sessions.commit(session.set("page", 2));
    app.take();
    await app.sessions.commit(other.set("device", "laptop"));
    expect(app.take()).toEqual([["conflict", { owner: "u1", handle }]]);
  });

  it("contain no token and no value", async () => {
    await using app = heard();
    const session = await logIn(app.sessions, "u1", "a secret value");
    const tokens = [session.token];
    await app.sessions.renew(session);
    tokens.push(session.token);
    await app.sessions.load(madeUpToken("B"));
    await app.sessions.destroy(session);
    const text = inspect(app.take(), { depth: null, showHidden: true });
    for (const secret of [...tokens, "secret", madeUpToken("B")]) expect(text).not.toContain(secret);
  });

  it("end for each listener that unsubscribes", async () => {
    await using app = accounts();
    let told = 0;
    const listener = () => told++;
    const [end] = [app.sessions.on("created", listener), app.sessions.on("created", listener)];
    await logIn(app.sessions, "u1");
    expect(told).toBe(2);
    end();
    end();
    await logIn(app.sessions, "u1");
    expect(told).toBe(3);
    expect(() => app.sessions.on("started" as "created", listener)).toThrow('there is no event "started"');
  });

  it.each<[string, () => unknown]>([
    [
      "throws",
      () => {
        throw new Error("listener broke");
      },
    ],
    ["rejects", () => Promise.reject(new Error("listener broke"))],
  ])("reach a listener that %s, which fails nothing but itself", async (_, listener) => {
    const errors: Error[] = [];
    await using app = accounts({ onError: (error) => errors.push(error) });
    app.sessions.on("created", listener);
    const session = await logIn(app.sessions, "u1");
    expect(session.status).toBe("unmodified");
    await Promise.resolve();
    expect(errors.map(({ message }) => message)).toEqual(["listener broke"]);
  });
});

it("an owner() that throws during an event fails only the event", async () => {
  let isBroken = false;
  const errors: Error[] = [];
  await using app = heard({
    owner({ userId }) {
      if (isBroken) throw new Error("owner broke");
      return userId;
    },
    onError: (error) => errors.push(error),
  });
  const session = await logIn(app.sessions, "u1");
  isBroken = true;
  expect(await app.sessions.revokeAll("u1")).toBe(1);
  isBroken = false;
  expect(await app.sessions.exists(session.token)).toBe(false);
  expect(errors.map(({ message }) => message)).toEqual(["owner broke"]);
});

describe("diagnostics channels", () => {
  it("report the events of all managers", async () => {
    const told: unknown[] = [];
    const listener = (message: unknown, name: string | symbol) => told.push([name, message]);
    for (const name of names) subscribe(`scs.session.${name}`, listener);
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    for (const name of names) unsubscribe(`scs.session.${name}`, listener);
    expect(told).toEqual([["scs.session.created", { owner: "u1", handle: session.handle }]]);
    expect(channel("scs.session.created").hasSubscribers).toBe(false);
  });

  it("trace the operations that wait for the store", async () => {
    const told: string[] = [];
    const note = (name: string) => () => void told.push(name);
    const subscribers = (what: string) => ({
      ...{ start: note(`${what} start`), asyncEnd: note(`${what} end`), error: note(`${what} error`) },
      ...{ end: () => undefined, asyncStart: () => undefined },
    });
    const traces = (["load", "commit"] as const).map((what) => ({
      tracing: tracingChannel(`scs.session.${what}`),
      listeners: subscribers(what),
    }));
    await using app = await stored({ a: 1 });
    for (const { tracing, listeners } of traces) tracing.subscribe(listeners);
    await app.sessions.commit((await app.load()).set("a", 2));
    app.store.fail("find", new Error("away"));
    await app.load().catch(() => undefined);
    for (const { tracing, listeners } of traces) tracing.unsubscribe(listeners);
    expect(told).toEqual([
      ...["load start", "load end", "commit start", "commit end"],
      ...["load start", "load error", "load end"],
    ]);
  });
});
