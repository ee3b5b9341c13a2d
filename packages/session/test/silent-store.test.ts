import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, get, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { AtomicStore, IterableStore, Store, TouchableStore } from "@scs/core";
import { MemStore } from "@scs/memstore";
import { afterEach, describe, expect, it, vi } from "vitest";
import { fetchHandler } from "../src/adapters/fetch.js";
import { SessionManager, type SessionManagerOptions } from "../src/index.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { collectWarnings } from "./fixtures/process-warnings.js";
import type { Method } from "./fixtures/recording-store.js";
import type { Values } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";

type Full = Store & Partial<AtomicStore & TouchableStore & IterableStore>;

/** A store that can stop answering: then the given methods return promises that never settle. */
class SilentStore {
  readonly memory: MemStore;
  readonly silent: Set<Method | "entries"> = new Set();
  readonly store: Full;

  constructor(now: () => number, isPlain = false) {
    const memory = new MemStore({ now, cleanupIntervalMs: 0 });
    this.memory = memory;
    const hush = <A extends unknown[], R>(method: Method, call: (...args: A) => Promise<R>) => {
      return (...args: A): Promise<R> =>
        this.silent.has(method) ? new Promise(() => undefined) : call(...args);
    };
    const { silent } = this;
    this.store = {
      find: hush("find", (key) => memory.find(key)),
      commit: hush("commit", (key, data, expiry) => memory.commit(key, data, expiry)),
      delete: hush("delete", (key) => memory.delete(key)),
      ...(!isPlain && {
        replace: hush("replace", (key, previous, data, expiry) =>
          memory.replace(key, previous, data, expiry),
        ),
        touch: hush("touch", (key, expiry) => memory.touch(key, expiry)),
        async *entries() {
          for await (const entry of memory.entries()) {
            if (silent.has("entries")) await new Promise(() => undefined);
            yield entry;
          }
        },
        all: () => memory.all(),
      }),
    };
  }
}

async function scene(isPlain = false, options: Partial<SessionManagerOptions<Values>> = {}) {
  await using _warnings = collectWarnings();
  const clock = new MovingClock();
  const silent = new SilentStore(clock.now, isPlain);
  const errors: Error[] = [];
  const sessions = new SessionManager<Values>({
    ...{
      store: silent.store,
      now: clock.now,
      storeTimeoutMs: 20,
      onError: (error: Error) => errors.push(error),
    },
    ...{ idleTimeoutMs: 3_600_000, cookie: { name: "session", secure: false } },
    ...(!isPlain && { owner: ({ userId }: Values) => userId as string | undefined }),
    ...options,
  });
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("userId", "u1"));
  const other = await sessions.load(undefined);
  await sessions.commit(other.set("userId", "u1"));
  clock.advance(1_800_000);
  const token = session.token as string;
  return { clock, silent, errors, sessions, token, session: await sessions.load(token), other };
}

type Scene = Awaited<ReturnType<typeof scene>>;

const operations: [string, Method | "entries", (app: Scene) => Promise<unknown>][] = [
  ["load", "find", ({ sessions, token }) => sessions.load(token)],
  ["exists", "find", ({ sessions, token }) => sessions.exists(token)],
  ["use", "find", ({ sessions, token }) => sessions.use(token, () => undefined)],
  ["merge", "find", ({ session, other }) => session.merge(other.token as string)],
  ["list", "find", ({ sessions }) => sessions.list("u1")],
  ["revoke", "find", ({ sessions, session }) => sessions.revoke(session.handle as string)],
  ["revoke", "replace", ({ sessions, session }) => sessions.revoke(session.handle as string)],
  ["revokeAll", "find", ({ sessions }) => sessions.revokeAll("u1")],
  ["revokeAll", "replace", ({ sessions }) => sessions.revokeAll("u1")],
  ["a change", "replace", ({ sessions, session }) => sessions.commit(session.set("page", 2))],
  [
    "a log-in",
    "find",
    async ({ sessions }) => sessions.commit((await sessions.load(undefined)).set("userId", "u2")),
  ],
  [
    "a log-in",
    "replace",
    async ({ sessions }) => sessions.commit((await sessions.load(undefined)).set("userId", "u2")),
  ],
  [
    "a new session",
    "replace",
    async ({ sessions }) => sessions.commit((await sessions.load(undefined)).set("page", 1)),
  ],
  ["a renewal", "replace", ({ sessions, session }) => sessions.renew(session)],
  ["a log-out", "replace", ({ sessions, session }) => sessions.destroy(session)],
  ["a use", "touch", ({ sessions, session }) => sessions.commit(session)],
  ["iterate", "entries", ({ sessions }) => sessions.iterate(() => undefined)],
  ["reindex", "entries", ({ sessions }) => sessions.reindex()],
];

const timeout = {
  name: "SessionError",
  code: "STORE_TIMEOUT",
  message: "the session store did not answer within 20 ms",
};

describe("a store that never answers", () => {
  it.each(operations)("fails %s, which waits for its %s", async (_, method, operate) => {
    const app = await scene();
    app.silent.silent.add(method);
    await expect(operate(app)).rejects.toMatchObject(timeout);
    app.silent.silent.clear();
    await expect(operate(app)).resolves.not.toThrow();
  });

  it.each<[string, Method, (app: Scene) => Promise<unknown>]>([
    ["load", "find", ({ sessions, token }) => sessions.load(token)],
    ["a change", "commit", ({ sessions, session }) => sessions.commit(session.set("page", 2))],
    ["a use", "commit", ({ sessions, session }) => sessions.commit(session)],
    ["a renewal", "commit", ({ sessions, session }) => sessions.renew(session)],
    ["a log-out", "delete", ({ sessions, session }) => sessions.destroy(session)],
  ])("fails %s, which waits for its %s, if it has no more than it must", async (_, method, operate) => {
    const app = await scene(true);
    app.silent.silent.add(method);
    await expect(operate(app)).rejects.toMatchObject(timeout);
  });

  it("does not fail a log-out whose session has ended, but calls onError for the list", async () => {
    const app = await scene();
    const { store, memory } = app.silent;
    store.replace = (key, ...rest) =>
      key.startsWith("@owner.") ? new Promise(() => undefined) : memory.replace(key, ...rest);
    expect(String(await app.sessions.destroy(app.session))).toContain("Max-Age=0");
    expect(app.errors).toEqual([expect.objectContaining(timeout)]);
    expect(await app.sessions.exists(app.token)).toBe(false);
  });

  it.each<[string, Method, string]>([
    ["loading", "find", "/"],
    ["saving", "replace", "/change"],
    ["touching", "touch", "/"],
    ["renewing", "replace", "/renew"],
    ["ending", "replace", "/logout"],
  ])("is a 500 to the client and an error to onError, when %s", async (_, method, path) => {
    const app = await scene();
    const { sessions } = app;
    const handle = sessions.middleware();
    const server = createServer((req, res) =>
      handle(req, res, () => {
        if (req.url === "/change") sessions.get(req).set("page", 2);
        if (req.url === "/renew") sessions.get(req).renew();
        if (req.url === "/logout") sessions.get(req).destroy();
        res.end("done");
      }),
    );
    const byFetch = fetchHandler(sessions, (request: Request) => {
      if (request.url.endsWith("/change")) sessions.get(request).set("page", 2);
      if (request.url.endsWith("/renew")) sessions.get(request).renew();
      if (request.url.endsWith("/logout")) sessions.get(request).destroy();
      return new Response("done");
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    app.silent.silent.add(method);
    const headers = { cookie: `session=${app.token}` };
    const [response] = (await once(get({ port, path, headers, agent: false }), "response")) as [
      IncomingMessage,
    ];
    expect([response.statusCode, await text(response)]).toEqual([500, "Internal Server Error\n"]);
    expect(response.headers["set-cookie"]).toBeUndefined();
    expect(app.errors.splice(0)).toEqual([expect.objectContaining(timeout)]);
    const answer = await byFetch(new Request(`http://app${path}`, { headers }));
    expect([answer.status, answer.headers.getSetCookie()]).toEqual([500, []]);
    expect(app.errors).toEqual([expect.objectContaining(timeout)]);
    server.close();
  });

  it("that rejects late causes no unhandled rejection, and its late answers are ignored", async () => {
    const app = await scene();
    const late = new Signal();
    const isThere = new Signal();
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on("unhandledRejection", note);
    app.silent.store.find = async () => {
      await late.given;
      isThere.give();
      throw new Error("too late");
    };
    await expect(app.sessions.load(app.token)).rejects.toMatchObject(timeout);
    late.give();
    await isThere.given;
    await setImmediate();
    process.off("unhandledRejection", note);
    expect(unhandled).toEqual([]);
  });

  it("that throws instead of rejecting fails the call", async () => {
    const app = await scene();
    app.silent.store.find = app.silent.store.replace = () => {
      throw new Error("thrown");
    };
    await expect(app.sessions.load(app.token)).rejects.toThrow("thrown");
    await expect(app.sessions.commit(app.session.set("page", 2))).rejects.toThrow("thrown");
    await expect(app.sessions.revokeAll("u1")).rejects.toThrow("thrown");
  });
});

describe("storeTimeoutMs", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  it.each([0, -1, Number.NaN, "5", 2 ** 31, Number.POSITIVE_INFINITY])("cannot be %o", (storeTimeoutMs) => {
    const store = new MemStore({ cleanupIntervalMs: 0 });
    expect(() => new SessionManager({ store, storeTimeoutMs: storeTimeoutMs as number })).toThrow(RangeError);
  });

  it("ignores fake timers, and works in tests that use them", async () => {
    const app = await scene();
    vi.useFakeTimers();
    await app.sessions.commit((await app.sessions.load(app.token)).set("page", 2));
    app.silent.silent.add("find");
    await expect(app.sessions.load(app.token)).rejects.toMatchObject(timeout);
  });

  // Up to 24 days, so a timer that holds the process would outlast the test.
  it.each([
    ["always", 2 ** 31 - 1, "unmodified"],
    ["never", 20, "STORE_TIMEOUT"],
  ])("keeps a process alive only during a call: %s", async (answers, timeoutMs, outcome) => {
    const script = fileURLToPath(new URL("fixtures/store-timeout-process.js", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, answers, String(timeoutMs)]);
    expect(stdout).toBe(outcome);
  });
});
