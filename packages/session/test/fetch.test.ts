import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { fetchHandler, withSession } from "../src/adapters/fetch.js";
import { type Session, SessionManager, type SessionManagerOptions } from "../src/index.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import type { Values } from "./fixtures/running-app.js";

function app(options: Partial<SessionManagerOptions<Values>> = {}) {
  const store = new RecordingStore();
  const errors: Error[] = [];
  const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error), ...options });
  return { store, errors, sessions, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

const request = (token?: string, path = "/") =>
  new Request(`http://app${path}`, {
    headers: token === undefined ? {} : { cookie: `__Host-session=${token}` },
  });

async function begun(sessions: SessionManager<Values>): Promise<Session<Values> & { token: string }> {
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("userId", "u1"));
  return session as Session<Values> & { token: string };
}

describe("withSession", () => {
  it("returns the app's own response if no cookie changes", async () => {
    await using running = app();
    const response = new Response("body");
    expect(await withSession(running.sessions, request(), () => response)).toBe(response);
    const { token } = await begun(running.sessions);
    expect(await withSession(running.sessions, request(token), () => response)).toBe(response);
    expect(response.headers.get("cache-control")).toBeNull();
  });

  it.each([
    ["Response.redirect", () => Response.redirect("http://app/home", 303)],
    [
      "Response.error",
      () =>
        Response.json(
          {},
          {
            status: 201,
            headers: { "set-cookie": "a=b", "x-other": "x", "cdn-cache-control": "max-age=60" },
          },
        ),
    ],
    ["an empty response", () => new Response(null, { status: 204 })],
  ])("adds the cookie to a response that others made: %s", async (_, respond) => {
    await using running = app();
    const expected = respond();
    const response = await withSession(running.sessions, request(), (session) => {
      session.set("userId", "u1");
      return respond();
    });
    expect(response.status).toBe(expected.status);
    expect(response.headers.get("location")).toBe(expected.headers.get("location"));
    expect(response.headers.get("x-other")).toBe(expected.headers.get("x-other"));
    expect(response.headers.getSetCookie()).toHaveLength(expected.headers.getSetCookie().length + 1);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("cdn-cache-control")).toBeNull();
    expect(await response.text()).toBe(await expected.text());
  });

  it("gives no visitor the cookie of another if the app answers both with one Response", async () => {
    await using running = app();
    const shared = new Response(null, { status: 204 });
    const first = await withSession(running.sessions, request(), (session) => {
      session.set("userId", "u1");
      return shared;
    });
    expect(first.headers.getSetCookie()).toHaveLength(1);
    const second = await withSession(running.sessions, request(), () => shared);
    expect(second.headers.getSetCookie()).toEqual([]);
    expect(second.headers.get("cache-control")).toBeNull();
  });

  it("adds the cookie to a thrown Response", async () => {
    await using running = app();
    const thrown = withSession(running.sessions, request(), (session) => {
      session.set("userId", "u1");
      throw new Response(null, { status: 302, headers: { location: "/" } });
    });
    const response = await thrown.catch((error: unknown) => error as Response);
    expect(response.status).toBe(302);
    expect(response.headers.getSetCookie()).toHaveLength(1);
    await expect(thrown).rejects.toBe(response);
  });

  it("calls onError if the app throws and the client misses a new token", async () => {
    await using running = app();
    const { sessions, errors } = running;
    const { token } = await begun(sessions);
    const answer = async (session: Session<Values>) => {
      await sessions.renew(session);
      throw new Error("broken");
    };
    await expect(withSession(sessions, request(token), answer)).rejects.toThrow("broken");
    expect(errors).toMatchObject([{ code: "TOO_LATE" }]);
  });

  it("drops the changes of an app that throws, and ends a session that it destroyed", async () => {
    await using running = app();
    const { token } = await begun(running.sessions);
    const failing = (change: (session: Session<Values>) => unknown) =>
      withSession(running.sessions, request(token), (session) => {
        change(session);
        throw new Error("the app broke");
      });
    await expect(failing((session) => session.set("page", 2))).rejects.toThrow("the app broke");
    expect(await running.store.contents()).toEqual([{ userId: "u1" }]);
    const ending = failing((session) => {
      session.destroy();
      session.set("flash", "bye");
    });
    await expect(ending).rejects.toThrow("the app broke");
    expect(await running.store.contents()).toEqual([]);
  });

  it("saves before the response, and refuses changes while the body streams", async () => {
    await using running = app();
    const errors: unknown[] = [];
    const response = await withSession(running.sessions, request(), (session) => {
      session.set("first", 1);
      const body = async function* () {
        yield Buffer.from("one ");
        await setImmediate();
        try {
          session.set("second", 2);
        } catch (error) {
          errors.push(error);
        }
        yield Buffer.from("two");
      };
      return new Response(ReadableStream.from(body()));
    });
    expect(await running.store.contents()).toEqual([{ first: 1 }]);
    expect(await response.text()).toBe("one two");
    expect(errors).toEqual([expect.objectContaining({ code: "TOO_LATE" })]);
    expect(await running.store.contents()).toEqual([{ first: 1 }]);
  });

  it("returns a 500 if the save fails, and cancels the body", async () => {
    await using running = app();
    let isCancelled = false;
    const response = await withSession(running.sessions, request(), (session) => {
      session.set("x", () => 1);
      const cancel = () => {
        isCancelled = true;
      };
      return new Response(new ReadableStream({ cancel }));
    });
    expect(response.status).toBe(500);
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(isCancelled).toBe(true);
    expect(running.errors).toEqual([expect.objectContaining({ code: "INVALID_VALUE" })]);
  });

  it("sets the cookie of a new token even if a later save fails", async () => {
    await using running = app();
    const response = await withSession(running.sessions, request(), async (session) => {
      await running.sessions.commit(session.set("userId", "u1"));
      session.set("x", () => 1);
      return new Response("body");
    });
    expect(response.status).toBe(500);
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  it("leaves the save to an outer withSession", async () => {
    await using running = app();
    const inner = fetchHandler(running.sessions, (req: Request) => {
      running.sessions.get(req).set("userId", "u1");
      return new Response("body");
    });
    const response = await fetchHandler(running.sessions, inner)(request());
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(running.store.calls).toEqual(["replace"]);
  });

  it("passes on the framework's further arguments", async () => {
    await using running = app();
    const handler = fetchHandler(running.sessions, (_req: Request, env: { name: string }, count: number) =>
      Response.json([env.name, count]),
    );
    expect(await (await handler(request(), { name: "env" }, 5)).json()).toEqual(["env", 5]);
  });

  it("current() returns the session, with asyncContext", async () => {
    await using running = app({ asyncContext: true });
    await withSession(running.sessions, request(), async (session) => {
      await setImmediate();
      expect(running.sessions.current()).toBe(session);
      return new Response();
    });
  });
});
