import { channel, tracingChannel } from "node:diagnostics_channel";
import { format, inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { fetchHandler } from "../src/adapters/fetch.js";
import { type SessionEventName, SessionManager } from "../src/index.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { collectWarnings } from "./fixtures/process-warnings.js";
import { type Handler, listenerOf, serve, type Values } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const VALUE = "what-the-visitor-stored";
const names: SessionEventName[] = ["created", "renewed", "destroyed", "revoked", "conflict", "unknown"];

/** Prints an object in all ways. */
function shown(subject: unknown): string {
  const deep = { depth: null, showHidden: true, getters: true, maxArrayLength: null, maxStringLength: null };
  const parts = [
    inspect(subject, deep),
    format("%s %o %O %j", subject, subject, subject, subject),
    String(subject),
  ];
  parts.push(JSON.stringify(subject) ?? "");
  if (typeof subject === "object" && subject !== null) {
    for (const name of Reflect.ownKeys(subject))
      parts.push(String(name), inspect(Reflect.get(subject, name), deep));
  }
  for (let error = subject; error instanceof Error; error = error.cause) {
    parts.push(error.message, error.stack ?? "", inspect(error, deep));
  }
  return parts.join("\n");
}

/** Collects all output of the package: channels, events, errors and warnings. */
function listening() {
  const told: [string, unknown][] = [];
  const ends: (() => void)[] = [];
  const every = (name: string) => {
    const listener = (message: unknown) => told.push([name, message]);
    channel(name).subscribe(listener);
    ends.push(() => channel(name).unsubscribe(listener));
  };
  for (const name of names) every(`scs.session.${name}`);
  for (const what of ["load", "commit"]) {
    const tracing = tracingChannel(`scs.session.${what}`);
    for (const step of ["start", "end", "asyncStart", "asyncEnd", "error"] as const) {
      every(String(tracing[step].name));
    }
  }
  return {
    told,
    [Symbol.dispose]() {
      for (const end of ends) end();
    },
  };
}

async function running() {
  const clock = new MovingClock();
  const store = new HookedStore(clock.now);
  const told: [string, unknown][] = [];
  const sessions = new SessionManager<Values>({
    ...{ store, now: clock.now, maxPerOwner: 3, maxBytes: 2000 },
    owner: ({ userId }) => userId as string | undefined,
    describe: ({ broken }) => {
      if (broken) throw new Error("describe broke");
    },
    onError: (error) => told.push(["onError", error]),
    asyncContext: true,
  });
  for (const name of names) sessions.on(name, (event) => told.push([name, event]));
  const answer: Handler = (session, res, req) => {
    if (req.url === "/login") session.set("userId", "u1").set("note", VALUE);
    if (req.url === "/change") session.set("page", Number(session.get("page") ?? 0) + 1);
    if (req.url === "/renew") session.renew({ graceMs: 1000 });
    if (req.url === "/large") session.set("large", VALUE.repeat(1000));
    if (req.url === "/symbol") session.set("symbol", { [VALUE]: [Symbol(VALUE), () => VALUE] });
    if (req.url === "/circle")
      session.set(
        "circle",
        new (class Account {
          note = VALUE;
        })(),
      );
    if (req.url === "/logout") session.destroy();
    res.end();
    if (req.url === "/late") {
      try {
        session.set("note", VALUE);
      } catch (error) {
        told.push(["late", error]);
      }
    }
  };
  const server = await serve(listenerOf("node:http", sessions, answer));
  return { clock, store, sessions, told, server, visitor: new Visitor(server.url) };
}

/** A trigger of a database puts session data into its error message. */
const raised = (key: string) =>
  Object.assign(new Error("the database is away"), { code: "UNAVAILABLE", detail: key.length });

it("no channel, event, error or warning shows a token, a secret or a value, whatever happens", async () => {
  using channels = listening();
  await using warnings = collectWarnings();
  const app = await running();
  const { visitor, sessions, store, told, clock } = app;
  const tokens = new Set<string>([madeUpToken("B"), madeUpToken("C").slice(1)]);
  const ask = async (path: string, by = visitor) => {
    await by.get(path);
    for (const token of by.cookies.values()) tokens.add(token);
  };
  for (const path of ["/login", "/change", "/renew", "/change", "/large", "/symbol", "/circle", "/late"]) {
    await ask(path);
  }
  for (const token of [madeUpToken("B"), madeUpToken("C").slice(1)]) {
    await ask("/", new Visitor(app.server.url, { "__Host-session": token }));
  }
  const load = () => sessions.load(visitor.token);
  const [one, other] = [await load(), await load()];
  await sessions.commit(one.set("other note", VALUE));
  await sessions.commit(other.set("page", 99)); // a conflict
  for (let count = 0; count < 5; count++) await ask("/login", new Visitor(app.server.url)); // over the limit
  await ask("/login", visitor);
  const owned = await sessions.list("u1");
  expect(owned.length).toBeGreaterThan(0);
  for (const path of ["/change", "/renew", "/logout"]) {
    store.beforeCall = (_, key) => {
      throw raised(key);
    };
    await ask(path);
    store.beforeCall = () => undefined;
  }
  const leaving = new Visitor(app.server.url);
  for (const path of ["/login", "/logout"]) await ask(path, leaving);
  // Damage.
  const [id = ""] = (visitor.token as string).split(".");
  for (const data of [`{"${VALUE}`, `{"version":1,"deadline":"${VALUE}"}`, VALUE]) {
    await store.memory.commit(id, Buffer.from(data), new Date(clock.now() + 1000));
    await ask("/");
  }
  const listKey = [...(await store.memory.all()).keys()].find((key) => key.startsWith("@owner.")) as string;
  await store.memory.commit(listKey, Buffer.from(`["${VALUE}"]`), new Date(clock.now() + 1000));
  await sessions.list("u1");
  await sessions.revoke(owned[0]?.handle as string);
  await sessions.revokeAll("u1");
  for (const misuse of [
    () => sessions.current(),
    () => sessions.get({ [VALUE]: VALUE }),
    () => new SessionManager({ store: undefined as never }),
  ]) {
    try {
      misuse();
    } catch (error) {
      told.push(["misuse", error]);
    }
  }
  const byFetch = fetchHandler(sessions, (request: Request) => {
    sessions.get(request).set("symbol", Symbol(VALUE));
    return new Response();
  });
  await byFetch(new Request("http://app/", { headers: { cookie: `__Host-session=${madeUpToken("B")}` } }));

  const all = [
    ...channels.told,
    ...told,
    ["list", owned],
    ...(await warnings.emitted()).map((each) => ["warning", each]),
  ];
  const kinds = new Set(all.map(([name]) => name));
  for (const name of names) expect(kinds).toContain(name);
  for (const what of ["load", "commit"]) {
    for (const step of ["start", "asyncEnd", "error"])
      expect(kinds).toContain(`tracing:scs.session.${what}:${step}`);
  }
  expect(kinds).toContain("onError");
  const secrets = [...tokens].flatMap((token) => [token, token.split(".")[1] ?? token]);
  for (const [name, subject] of all) {
    const text = shown(subject);
    for (const secret of [...secrets, VALUE])
      expect(text.includes(secret), `${String(name)}: ${text.slice(0, 300)}`).toBe(false);
  }
  await app.server[Symbol.asyncDispose]();
  await store[Symbol.asyncDispose]();
});

it("traces contain duration and failure, but no result", async () => {
  using channels = listening();
  const app = await running();
  await app.visitor.get("/login");
  await app.visitor.get("/change");
  const traces = channels.told.filter(([name]) => name.startsWith("tracing:"));
  expect(traces.length).toBeGreaterThan(4);
  for (const [name, message] of traces) {
    expect((message as { result?: unknown }).result, name).toBeUndefined();
  }
  await app.server[Symbol.asyncDispose]();
  await app.store[Symbol.asyncDispose]();
});

describe("an event", () => {
  it("of an unknown token contains only the address, and whether the token is well-formed", async () => {
    const app = await running();
    await new Visitor(app.server.url, { "__Host-session": madeUpToken() }).get(`/?password=${VALUE}`);
    const [[, event] = []] = app.told.filter(([name]) => name === "unknown");
    expect(event).toEqual({ isMalformed: false, remoteAddress: "127.0.0.1" });
    await app.server[Symbol.asyncDispose]();
    await app.store[Symbol.asyncDispose]();
  });
});

describe("printing", () => {
  it("a session shows its public ID, its status and its keys, in each state", async () => {
    const app = await running();
    const { sessions } = app;
    const session = await sessions.load(undefined);
    const states: [string, () => unknown][] = [
      ["new", () => undefined],
      ["set", () => session.set("note", VALUE)],
      ["saved", () => sessions.commit(session)],
      ["changed", () => session.set("list", [VALUE])],
      ["renewing", () => session.renew()],
      ["renewed", () => sessions.commit(session)],
      ["destroyed", () => session.destroy()],
      ["ended", () => sessions.commit(session)],
      ["begun anew", () => session.set("note", VALUE)],
    ];
    for (const [name, reach] of states) {
      const before = session.token;
      await reach();
      const text = shown(session);
      const secrets = [before, session.token].filter((each) => each !== undefined);
      for (const secret of [VALUE, ...secrets, ...secrets.map((each) => each.split(".")[1] as string)]) {
        expect(text.includes(secret), name).toBe(false);
      }
      expect(inspect(session), name).toContain(session.id);
      expect(inspect(session), name).toContain(session.status);
      for (const key of session.keys()) expect(inspect(session), name).toContain(key);
    }
    await app.server[Symbol.asyncDispose]();
    await app.store[Symbol.asyncDispose]();
  });

  it("a manager, a request or a list shows neither a token nor a value", async () => {
    const app = await running();
    const { sessions } = app;
    const session = await sessions.load(undefined);
    await sessions.commit(session.set("userId", "u1").set("note", VALUE));
    const request = { headers: {}, url: "/" };
    await fetchHandler(sessions, async (req: Request) => {
      for (const subject of [sessions, sessions.current(), await sessions.list("u1"), session.handle]) {
        const text = shown(subject);
        for (const secret of [VALUE, session.token as string, session.token?.split(".")[1] as string]) {
          expect(text.includes(secret)).toBe(false);
        }
      }
      sessions.get(req).set("note", VALUE);
      expect(shown(req).includes(VALUE)).toBe(false);
      return new Response();
    })(new Request("http://app/"));
    expect(shown(request)).not.toContain(VALUE);
    await app.server[Symbol.asyncDispose]();
    await app.store[Symbol.asyncDispose]();
  });
});
