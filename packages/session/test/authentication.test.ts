import express from "express";
import fastify from "fastify";
import { describe, expect, it } from "vitest";
import { fastifySessions } from "../src/adapters/fastify.js";
import { type Session, SessionManager } from "../src/index.js";
import { accounts, logIn } from "./fixtures/owned-sessions.js";
import { run, serve } from "./fixtures/running-app.js";
import { stored } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

const [MINUTE_MS, HOUR_MS, DAY_MS] = [60_000, 3_600_000, 86_400_000];

function isRecent(session: Pick<Session, "requireRecent">, ms = 5 * MINUTE_MS): boolean {
  try {
    session.requireRecent(ms);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ name: "SessionError", code: "REAUTHENTICATE", statusCode: 401 });
    return false;
  }
}

describe("markAuthenticated", () => {
  it("stores the time of the authentication for all further requests", async () => {
    await using app = await stored({ userId: "u1" });
    const session = await app.load();
    expect(session.authenticatedAt).toBeUndefined();
    session.markAuthenticated();
    const at = new Date(app.clock.now());
    expect(session.authenticatedAt, "before the save").toEqual(at);
    await app.sessions.commit(session);
    app.clock.advance(HOUR_MS);
    const later = await app.sessions.load(session.token);
    expect(later.authenticatedAt).toEqual(at);
    await app.sessions.commit(later.set("page", 1));
    later.renew({ graceMs: 1000 });
    await app.sessions.commit(later);
    expect((await app.sessions.load(later.token)).authenticatedAt).toEqual(at);
  });

  it("issues a new token, restarts the lifetime and ends the old token", async () => {
    await using app = await stored({ userId: "u1" }, { policy: "aal2" });
    app.clock.advance(HOUR_MS / 2);
    const session = await app.load();
    session.markAuthenticated();
    await app.sessions.commit(session);
    expect(session.token).not.toBe(app.token);
    expect((await app.load()).has("userId"), "by the old token").toBe(false);
    expect(session.deadline).toEqual(new Date(app.clock.now() + DAY_MS));
  });

  it("survives a parallel change of the session, and keeps that change", async () => {
    await using app = await stored({ userId: "u1" });
    const [one, other] = [await app.load(), await app.load()];
    await app.sessions.commit(other.set("page", 1));
    one.markAuthenticated();
    await app.sessions.commit(one);
    const after = await app.sessions.load(one.token);
    expect(after.authenticatedAt).toEqual(new Date(app.clock.now()));
    expect(after.get("page")).toBe(1);
  });

  it("of a new session is stored with its first save", async () => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    session.set("userId", "u1");
    session.markAuthenticated();
    await app.sessions.commit(session);
    expect((await app.sessions.load(session.token)).authenticatedAt).toEqual(new Date(app.clock.now()));
  });

  it("does not count for another user who takes the session over", async () => {
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    session.markAuthenticated();
    await app.sessions.commit(session);
    expect((await app.sessions.list("u1"))[0]?.authenticatedAt).toEqual(new Date(app.clock.now()));
    const other = await app.sessions.load(session.token);
    other.renew();
    await app.sessions.commit(other.set("userId", "u2"));
    expect((await app.sessions.load(other.token)).authenticatedAt).toBeUndefined();
    expect((await app.sessions.list("u2"))[0]?.authenticatedAt).toBeUndefined();
    const third = await app.sessions.load(other.token);
    third.markAuthenticated();
    await app.sessions.commit(third.set("userId", "u3"));
    expect((await app.sessions.list("u3"))[0]?.authenticatedAt).toEqual(new Date(app.clock.now()));
  });

  it("no longer counts after clear, destroy or a log-out", async () => {
    await using app = await stored({ userId: "u1" });
    const session = await app.load();
    session.markAuthenticated();
    await app.sessions.commit(session);
    session.clear();
    expect(session.authenticatedAt).toBeUndefined();
    await app.sessions.commit(session.set("page", 1));
    expect((await app.sessions.load(session.token)).authenticatedAt).toBeUndefined();
    session.markAuthenticated();
    await app.sessions.commit(session);
    session.destroy();
    expect(session.authenticatedAt).toBeUndefined();
    await app.sessions.commit(session.set("page", 1));
    expect((await app.sessions.load(session.token)).authenticatedAt).toBeUndefined();
  });

  it("throws after the headers were sent", async () => {
    let thrown: unknown;
    await using app = await run((session, res) => {
      res.write("a");
      try {
        session.markAuthenticated();
      } catch (error) {
        thrown = error;
      }
      res.end();
    });
    await new Visitor(app.url).get();
    expect(thrown).toMatchObject({ code: "TOO_LATE" });
  });
});

describe("requireRecent", () => {
  it("throws unless the user has authenticated within that time", async () => {
    await using app = await stored({ userId: "u1" });
    const session = await app.load();
    expect(isRecent(session)).toBe(false);
    session.markAuthenticated();
    expect(isRecent(session)).toBe(true);
    await app.sessions.commit(session);
    app.clock.advance(5 * MINUTE_MS - 1);
    expect(isRecent(await app.sessions.load(session.token))).toBe(true);
    app.clock.advance(1);
    expect(isRecent(await app.sessions.load(session.token)), "at that very instant").toBe(false);
    expect(isRecent(await app.sessions.load(session.token), 6 * MINUTE_MS)).toBe(true);
  });

  it("throws for a visitor", async () => {
    await using app = await stored({});
    expect(isRecent(await app.sessions.load(undefined))).toBe(false);
  });

  it.each([0, -1, Number.NaN, "5m", undefined])("refuses %o", async (ms) => {
    await using app = await stored({});
    const session = await app.sessions.load(undefined);
    session.markAuthenticated();
    expect(() => session.requireRecent(ms as number)).toThrow(RangeError);
  });

  it("becomes a 401 in Express and Fastify if the app does not handle it", async () => {
    await using app = await stored({});
    const sessions = new SessionManager({ store: app.store, now: app.clock.now });
    const web = express().use(sessions.middleware());
    web.get("/", (req, res) => {
      sessions.get(req).requireRecent(1000);
      res.send("changed");
    });
    web.set("env", "test"); // prints no error
    await using server = await serve(web);
    expect((await new Visitor(server.url).get()).status).toBe(401);

    const instance = fastify();
    await instance.register(fastifySessions(sessions));
    instance.get("/", (request) => {
      sessions.get(request).requireRecent(1000);
      return "changed";
    });
    expect((await instance.inject("/")).statusCode).toBe(401);
    await instance.close();
  });
});
