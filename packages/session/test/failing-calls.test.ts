import { describe, expect, it } from "vitest";
import type { Session } from "../src/index.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { type Account, type Accounts, accountsOn, logIn } from "./fixtures/owned-sessions.js";

const IDLE_MS = 3_600_000;

interface Scene {
  sessions: Accounts;
  clock: MovingClock;
  /** The first session of u1, loaded again. */
  session: Session<Account>;
  token: string;
  handle: string;
}

type Operation = (scene: Scene) => Promise<unknown>;

const change = (act: (session: Session<Account>) => unknown): Operation => {
  return async ({ sessions, session }) => {
    if (session.get("page") !== 7) act(session); // a second attempt finds the result of the first
    session.set("page", 7);
    return sessions.commit(session);
  };
};

const operations: Record<string, Operation> = {
  "a change": change(() => undefined),
  "a renewal": change((session) => session.renew()),
  "a renewal with grace": change((session) => session.renew({ graceMs: 1000 })),
  "a change of the deadline": change((session) =>
    session.setDeadline(new Date(session.deadline.getTime() - 1000)),
  ),
  remember: change((session) => session.remember(false)),
  "a change of owners": change((session) => session.set("userId", "u2")),
  "a log-out that keeps the session": change((session) => session.delete("userId")),
  "a mere use": ({ sessions, session }) => sessions.commit(session),
  "a log-out": ({ sessions, session }) => sessions.destroy(session),
  "a log-out and a new session": ({ sessions, session }) => {
    if (session.status !== "modified" && session.has("userId")) session.destroy();
    return sessions.commit(session.set("device", "kiosk"));
  },
  revoke: ({ sessions, handle }) => sessions.revoke(handle),
  revokeAll: ({ sessions }) => sessions.revokeAll("u1"),
  list: ({ sessions }) => sessions.list("u1"),
};

/** Returns the content of the store, as clients and owners' lists see it. */
async function stateOf({ store, clock, token }: Scene & { store: HookedStore }, session: Session<Account>) {
  const sessions = accountsOn(store.memory, clock.now, { idleTimeoutMs: IDLE_MS });
  const live: object[] = [];
  await sessions.iterate((each) => {
    live.push({
      values: Object.fromEntries([...each.keys()].sort().map((key) => [key, each.get(key)])),
      deadline: each.deadline.getTime() - clock.now(),
    });
  });
  return {
    live,
    old: await sessions.exists(token),
    own: session.token !== undefined && (await sessions.exists(session.token)),
    u1: (await sessions.list("u1")).map(({ description }) => description),
    u2: (await sessions.list("u2")).map(({ description }) => description),
    status: session.status,
  };
}

async function scene() {
  const clock = new MovingClock();
  const store = new HookedStore(clock.now);
  const errors: Error[] = [];
  const options = { idleTimeoutMs: IDLE_MS, onError: (error: Error) => errors.push(error) };
  const sessions = accountsOn(store, clock.now, options);
  const { token, handle } = await logIn(sessions, "u1");
  clock.advance(IDLE_MS / 2);
  const session = await sessions.load(token);
  return { clock, store, errors, sessions, session, token, handle };
}

describe.each(Object.entries(operations))("%s", (_, operate) => {
  it.each(["beforeCall", "afterCall"] as const)(
    "with each store call failing in turn, %s, is completed by the next attempt",
    async (when) => {
      const perfect = await scene();
      await operate(perfect);
      const expected = await stateOf(perfect, perfect.session);
      await perfect.store[Symbol.asyncDispose]();
      for (let at = 0; ; at++) {
        const app = await scene();
        let calls = 0;
        app.store[when] = () => {
          if (calls++ === at) throw new Error("away");
        };
        const outcome = await operate(app).catch((error: Error) => error);
        app.store[when] = () => undefined;
        const label = `call ${at}`;
        if (calls > at) {
          // The caller gets the error, or onError does if the operation succeeded nevertheless.
          const told = [...app.errors, ...(outcome instanceof Error ? [outcome] : [])].map(
            ({ message }) => message,
          );
          const isSeenThrough = (await stateOf(app, app.session)).status === expected.status;
          if (told.length === 0) expect(isSeenThrough, label).toBe(true);
          else expect(told, label).toEqual(["away"]);
        }
        await operate(app);
        expect(await stateOf(app, app.session), label).toEqual(expected);
        await app.store[Symbol.asyncDispose]();
        if (calls <= at) break;
      }
    },
  );
});
