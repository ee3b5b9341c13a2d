import { describe, expect, it } from "vitest";
import { fetchHandler } from "../src/adapters/fetch.js";
import { headerTransport, type SessionManager } from "../src/index.js";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { accounts, isAlive, logIn } from "./fixtures/owned-sessions.js";
import { type Handler, run, type Values } from "./fixtures/running-app.js";

const answer: Handler = async (session, res, req) => {
  if (req.url === "/logout") session.destroy();
  if (req.url === "/logout-and-tell") session.destroy();
  if (req.url === "/logout-and-tell") session.set("flash", "bye");
  if (req.url === "/renew") session.renew();
  if (req.url === "/change") session.set("page", 2);
  res.end(String(session.get("userId") ?? "nobody"));
};

/** An app, and sessions whose tokens one browser sends together. */
async function holding(count: number) {
  const app = await run(answer, { cookie: { secure: false, name: "session" } });
  const tokens: string[] = [];
  for (let at = 0; at < count; at++) {
    const session = await app.sessions.load(undefined);
    await app.sessions.commit(session.set("userId", `u${at}`));
    tokens.push(session.token as string);
  }
  app.store.takeCalls();
  const ask = (path: string, cookies: readonly string[]) =>
    fetch(app.url + path, { headers: { cookie: cookies.map((token) => `session=${token}`).join("; ") } });
  const alive = () => Promise.all(tokens.map((token) => app.sessions.exists(token)));
  return { ...app, tokens, ask, alive };
}

describe("a log-out by a request with several live sessions", () => {
  it.each([
    ["/logout", 2],
    ["/logout", 3],
    ["/logout", 4],
    ["/logout-and-tell", 2],
  ])("%s ends all %d of them, and takes the cookie", async (path, count) => {
    await using app = await holding(count);
    const response = await app.ask(path, app.tokens);
    const [cookie, ...more] = response.headers.getSetCookie();
    expect(more).toEqual([]);
    if (path === "/logout") expect(cookie).toContain("Max-Age=0");
    expect(await app.alive()).toEqual(app.tokens.map(() => false));
    expect(await app.store.contents()).toEqual(path === "/logout" ? [] : [{ flash: "bye" }]);
    expect(app.errors).toEqual([]);
  });

  it("ends them despite invalid, malformed and repeated tokens", async () => {
    await using app = await holding(2);
    const [one, two] = app.tokens as [string, string];
    await app.ask("/logout", ["1", "", one, "x".repeat(66), madeUpToken(), one, two]);
    expect(await app.alive()).toEqual([false, false]);
  });

  it.each(["find", "replace"] as const)(
    "that failed in the store (%s) is completed by the next attempt",
    async (method) => {
      await using app = await holding(3);
      const headers = { cookie: app.tokens.map((token) => `session=${token}`).join("; ") };
      for (let at = 1; at <= 2; at++) {
        const session = await app.sessions.load({ headers } as never);
        session.destroy();
        const real = app.store[method].bind(app.store) as (...args: unknown[]) => Promise<never>;
        let calls = 0;
        app.store[method] = (async (...args: unknown[]) => {
          if (++calls === at) throw new Error("away");
          return real(...args);
        }) as never;
        await expect(app.sessions.commit(session)).rejects.toThrow("away");
        app.store[method] = real as never;
        await app.sessions.commit(session);
        expect(await app.alive(), `call ${at}`).toEqual(app.tokens.map(() => false));
        if (at === 2) break;
        for (let again = 0; again < 3; again++) {
          const begun = await app.sessions.load(undefined);
          await app.sessions.commit(begun.set("userId", "u"));
          app.tokens[again] = begun.token as string;
        }
        headers.cookie = app.tokens.map((token) => `session=${token}`).join("; ");
      }
    },
  );

  it.each<[string, (sessions: SessionManager<Values>, headers: { cookie: string }) => Promise<unknown>]>([
    ["destroy", async (sessions, headers) => sessions.destroy(await sessions.load({ headers } as never))],
    ["use", (sessions, headers) => sessions.use({ headers } as never, (session) => session.destroy())],
    [
      "a Fetch handler",
      async (sessions, headers) => {
        const handler = fetchHandler(sessions, (request: Request) => {
          sessions.get(request).destroy();
          return new Response();
        });
        await handler(new Request("http://app/", { headers }));
      },
    ],
    [
      "a Fetch handler that fails afterwards",
      async (sessions, headers) => {
        const handler = fetchHandler(sessions, (request: Request) => {
          sessions.get(request).destroy();
          throw new Error("failed");
        });
        await handler(new Request("http://app/", { headers })).catch(() => undefined);
      },
    ],
  ])("ends all by way of %s", async (_, logOut) => {
    await using app = await holding(2);
    await logOut(app.sessions, { cookie: app.tokens.map((token) => `session=${token}`).join("; ") });
    expect(await app.alive()).toEqual([false, false]);
  });

  it("removes each from its owner's list, and emits an event for each", async () => {
    await using app = accounts();
    const [one, two] = [await logIn(app.sessions, "u1"), await logIn(app.sessions, "u2")];
    const told: unknown[] = [];
    app.sessions.on("destroyed", (event) => told.push(event));
    const headers = { cookie: `__Host-session=${one.token}; __Host-session=${two.token}` };
    await app.sessions.destroy(await app.sessions.load({ headers } as never));
    for (const { token } of [one, two]) expect(await isAlive(app.sessions, token)).toBe(false);
    expect(told).toEqual([
      { owner: "u2", handle: two.handle, reason: "destroyed" },
      { owner: "u1", handle: one.handle, reason: "destroyed" },
    ]);
    expect(await app.store.keys()).toEqual([]);
  });
});

describe("any other request with several live sessions", () => {
  it.each(["/", "/change", "/renew"])("%s uses the first, reads no other, and ends none", async (path) => {
    await using app = await holding(2);
    expect(await (await app.ask(path, app.tokens)).text()).toBe("u0");
    expect(app.store.takeCalls()).toEqual(path === "/" ? ["find"] : ["find", "replace"]);
    expect((await app.alive())[1]).toBe(true);
  });
});

describe("malformed cookies of the session's name", () => {
  it.each([1, 4, 5, 50, 500])("do not hide a live session after %d of them", async (count) => {
    await using app = await holding(1);
    const malformed = Array.from({ length: count }, (_, at) => String(at));
    expect(await (await app.ask("/", [...malformed, ...app.tokens])).text()).toBe("u0");
    expect(app.store.takeCalls()).toEqual(["find"]);
  });

  it("do not hide it together with repeated tokens, and emit at most four events", async () => {
    await using app = await holding(1);
    const told: unknown[] = [];
    app.sessions.on("unknown", (event) => told.push(event));
    const others = Array.from({ length: 20 }, (_, at) => [String(at), madeUpToken()]).flat();
    expect(await (await app.ask("/", [...others, ...app.tokens])).text()).toBe("u0");
    expect(app.store.takeCalls()).toEqual(["find", "find"]);
    expect(told).toHaveLength(5);
  });

  it("do not raise the maximum of four look-ups", async () => {
    await using app = await holding(1);
    const made = [..."ABCDE"].map((letter) => madeUpToken(letter));
    expect(await (await app.ask("/", ["1", ...made, ...app.tokens])).text()).toBe("nobody");
    expect(app.store.takeCalls()).toEqual(["find", "find", "find", "find"]);
  });

  it("are ignored in the header of the app's transport as well", async () => {
    const transport = { ...headerTransport("x-session"), read: (header: string) => header.split(" ") };
    const app = accounts({ transport });
    const session = await logIn(app.sessions, "u1");
    const headers = { "x-session": `1 2 3 4 5 6 ${session.token}` };
    expect((await app.sessions.load({ headers } as never)).get("userId")).toBe("u1");
    await app.store[Symbol.asyncDispose]();
  });
});
