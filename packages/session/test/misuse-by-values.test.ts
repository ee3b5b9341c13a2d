import { expect, it } from "vitest";
import { headerTransport, jsonCodec, SessionManager, type SessionManagerOptions } from "../src/index.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { run, serve, type Values } from "./fixtures/running-app.js";

const app = (options: Partial<SessionManagerOptions<Values>> = {}) =>
  run((_, res) => void res.end(), options);

it.each([[Symbol("cart")], [5], [undefined]])("refuses %s as the key of a value", async (key) => {
  await using held = await app();
  const session = await held.sessions.load(undefined);
  expect(() => session.set(key as never, 1)).toThrow(
    `the key of a session value must be a string, got ${typeof key}`,
  );
  expect(session.status).toBe("unmodified");
});

it("refuses an asynchronous codec, and says so", async () => {
  const encode = async () => new Uint8Array(1);
  await using held = await app({ codec: { ...jsonCodec, encode: encode as never } });
  const session = await held.sessions.load(undefined);
  await expect(held.sessions.commit(session.set("x", 1))).rejects.toThrow("must return a Uint8Array");
});

it.each(["requestHeader", "responseHeader"] as const)(
  "refuses a transport whose %s is not in lower case",
  (name) => {
    const transport = { ...headerTransport("x-session"), [name]: "X-Session" };
    return expect(app({ transport })).rejects.toThrow(
      `transport.${name} must be the name of a header in lower case`,
    );
  },
);

it.each([[{}], [[]], [{ toString: () => "x" }], [new Date(0)], [null], [5]])(
  "treats %j in place of a token as a malformed one",
  async (token) => {
    await using held = await app();
    expect((await held.sessions.load(token as never)).status).toBe("unmodified");
    expect(await held.sessions.exists(token as never)).toBe(false);
    expect(held.store.takeCalls()).toEqual([]);
  },
);

it("a new session at its deadline is not saved", async () => {
  await using held = await app();
  const created: unknown[] = [];
  held.sessions.on("created", (event) => created.push(event));
  const session = await held.sessions.load(undefined);
  session.set("x", 1);
  session.setDeadline(new Date(held.clock.now()));
  expect(await held.sessions.commit(session)).toBeUndefined();
  expect([session.status, session.token, created, held.store.takeCalls()]).toEqual([
    "destroyed",
    undefined,
    [],
    [],
  ]);
});

it("a session started after the end of its response refuses changes", async () => {
  const store = new RecordingStore();
  const sessions = new SessionManager<Values>({ store });
  let outcome: Promise<unknown> | undefined;
  await using server = await serve((req, res) => {
    res.end();
    outcome = sessions.start(req, res).then((session) => session.set("x", 1));
    outcome.catch(() => undefined);
  });
  await fetch(server.url);
  await expect(outcome).rejects.toMatchObject({ code: "TOO_LATE" });
});

it("refuses a promise of a store, and says to await it", () => {
  const store = Promise.resolve(new RecordingStore());
  expect(() => new SessionManager({ store: store as never })).toThrow(
    "store is a promise: await it, as in store: await openBoltStore(...)",
  );
});

it.each<[string, (sessions: SessionManager<Values>) => unknown, RegExp]>([
  ["commit of a promise", (sessions) => sessions.commit(sessions.load(undefined) as never), /await/],
  ["commit without a session", (sessions) => sessions.commit(undefined as never), /is no session/],
  ["destroy of an object", (sessions) => sessions.tokenHeader({} as never), /is no session/],
  ["get without a request", (sessions) => sessions.get(undefined as never), /needs a request/],
])("says what is wrong with %s", async (_, misuse, message) => {
  await using held = await app();
  expect(() => misuse(held.sessions)).toThrow(TypeError);
  expect(() => misuse(held.sessions)).toThrow(message);
});

it("says that middleware needs its parentheses", async () => {
  await using held = await app();
  const { middleware } = held.sessions;
  expect(() => (middleware as unknown as (req: object) => void)({})).toThrow(
    "app.use(sessions.middleware())",
  );
});
