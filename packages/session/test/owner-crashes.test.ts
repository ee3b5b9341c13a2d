import { setImmediate } from "node:timers/promises";
import type { Store } from "@scs/core";
import { describe, expect, it } from "vitest";
import type { Session } from "../src/index.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { type Account, type Accounts, accountsOn, isAlive, logIn } from "./fixtures/owned-sessions.js";
import { Signal } from "./fixtures/signal.js";

type Before = "nobody" | "visitor" | "user";
type Step = [name: string, before: Before, act: (session: Session<Account>) => unknown];

const steps: Step[] = [
  ["a log-in of somebody new", "nobody", (session) => session.set("userId", "u1")],
  ["a log-in", "visitor", (session) => session.set("userId", "u1")],
  ["a log-in that renews", "visitor", (session) => session.set("userId", "u1").renew()],
  ["a renewal", "user", (session) => session.renew()],
  ["a renewal with grace", "user", (session) => session.renew({ graceMs: 1000 })],
  ["a log-out", "user", (session) => session.destroy()],
  ["a change of users", "user", (session) => session.set("userId", "u2")],
  ["a change of users that renews", "user", (session) => session.set("userId", "u2").renew()],
  [
    "a change of the deadline",
    "user",
    (session) => session.setDeadline(new Date(session.deadline.getTime() + 9)),
  ],
];

/** Returns the live sessions of a user that are missing from the list. */
async function missing(sessions: Accounts): Promise<unknown[]> {
  const handles = new Set<string | undefined>();
  for (const userId of ["u1", "u2"])
    for (const { handle } of await sessions.list(userId)) handles.add(handle);
  const found: unknown[] = [];
  await sessions.iterate((session) => {
    if (session.has("userId") && !handles.has(session.handle)) found.push(session.get("userId"));
  });
  return found;
}

async function begin(sessions: Accounts, kind: Before): Promise<Session<Account>> {
  const session = await sessions.load(undefined);
  if (kind === "nobody") return session;
  session.set("page", 1);
  if (kind === "user") session.set("userId", "u1");
  await sessions.commit(session);
  return session;
}

describe("a crash between two store calls leaves no session off its owner's list", () => {
  it.each(steps)("of %s", async (_, before, act) => {
    for (let calls = 0; ; calls++) {
      const clock = new MovingClock();
      await using store = new HookedStore(clock.now);
      const sessions = accountsOn(store, clock.now, { maxPerOwner: 1, onError: () => undefined });
      const session = await begin(sessions, before);
      act(session);
      let left = calls;
      store.beforeCall = () => {
        if (left-- <= 0) throw new Error("dead");
      };
      const isDone = await sessions.commit(session).then(
        () => true,
        () => false,
      );
      const restarted = accountsOn(store.memory, clock.now, { maxPerOwner: 1 });
      expect(await missing(restarted), `after ${calls} calls`).toEqual([]);
      clock.advance(600_000); // after this, superfluous entries are removed
      expect(await missing(restarted), `after ${calls} calls`).toEqual([]);
      for (const userId of ["u1", "u2"]) await restarted.revokeAll(userId);
      let users = 0;
      await restarted.iterate((left) => {
        if (left.has("userId")) users++;
      });
      expect(users, `after ${calls} calls`).toBe(0);
      if (isDone) break;
    }
  });
});

const { now } = new MovingClock();

/** Interleaves the store calls of two operations in every order with two switches. */
async function interleave(
  prepare: (
    first: Store,
    second: Store,
  ) => Promise<readonly [() => Promise<unknown>, () => Promise<unknown>]>,
  check: (memory: Store, label: string) => Promise<void>,
): Promise<void> {
  for (let pausedAt = 1; ; pausedAt++) {
    for (let goesOnAt = 1; goesOnAt < 12; goesOnAt++) {
      await using first = new HookedStore(now);
      const second = new HookedStore(now, first.memory);
      const [one, other] = await prepare(first, second);
      const isOneOver = new Signal();
      const isOtherThere = new Signal();
      let calls = 0;
      second.beforeCall = () => {
        if (++calls !== goesOnAt) return undefined;
        isOtherThere.give();
        return isOneOver.given;
      };
      let others: Promise<unknown> | undefined;
      let ownCalls = 0;
      first.beforeCall = async () => {
        if (++ownCalls !== pausedAt) return;
        others = other();
        await Promise.race([others, isOtherThere.given]);
      };
      await one();
      isOneOver.give();
      if (others === undefined) return; // the first makes fewer calls
      await others;
      await check(first.memory, `call ${pausedAt} of the one, call ${goesOnAt} of the other`);
    }
  }
}

const meetings = [
  { owner: true, graceMs: 0 },
  { owner: true, graceMs: 1000 },
  { owner: false, graceMs: 0 },
  { owner: false, graceMs: 1000 },
].flatMap((meeting) => [true, false].map((isLogOutFirst) => ({ ...meeting, isLogOutFirst })));

describe("a log-out during a renewal", () => {
  it.each(meetings)("leaves no session: %o", async ({ owner, graceMs, isLogOutFirst }) => {
    const on = (store: Store) => accountsOn(store, now, owner ? {} : { owner: () => undefined });
    let tokens: (string | undefined)[] = [];
    await interleave(
      async (first, second) => {
        const [ending, renewing] = isLogOutFirst ? [on(first), on(second)] : [on(second), on(first)];
        const session = await begin(renewing, "user");
        const other = await ending.load(session.token);
        tokens = [session.token];
        const logOut = () => ending.destroy(other);
        const renew = async () => {
          await renewing.renew(session, { graceMs });
          tokens.push(session.token);
        };
        return isLogOutFirst ? [logOut, renew] : [renew, logOut];
      },
      async (memory, label) => {
        const sessions = on(memory);
        for (const token of tokens) expect(await isAlive(sessions, token), label).toBe(false);
        expect(await missing(sessions), label).toEqual([]);
        if (owner) expect(await sessions.list("u1"), label).toEqual([]);
      },
    );
  });
});

describe("a concurrent revokeAll", () => {
  it.each(steps.filter(([name]) => name !== "a log-out"))(
    "misses none: before each call of %s",
    async (name, before, act) => {
      for (let at = 0; ; at++) {
        const clock = new MovingClock();
        await using store = new HookedStore(clock.now);
        const others = accountsOn(store.memory, clock.now);
        const sessions = accountsOn(store, clock.now);
        const session = await begin(sessions, before);
        const { token } = session;
        act(session);
        let calls = 0;
        store.beforeCall = async () => {
          if (calls++ === at) for (const userId of ["u1", "u2"]) await others.revokeAll(userId);
        };
        await sessions.commit(session);
        expect(await missing(others), `before call ${at}`).toEqual([]);
        const survivors = [token, session.token].filter((each) => each !== undefined);
        const alive = await Promise.all(survivors.map((each) => isAlive(others, each)));
        // Every earlier session of the user has ended; a log-in may follow.
        if (before === "user" && calls > at) expect(alive, `${name}, before call ${at}`).not.toContain(true);
        if (calls <= at) break;
      }
    },
  );

  it("misses none while its calls interleave with those of a renewal", async () => {
    let token: string | undefined;
    await interleave(
      async (renewing, revoking) => {
        const sessions = accountsOn(renewing, now);
        const session = await begin(sessions, "user");
        const renew = async () => {
          await sessions.renew(session);
          token = session.token;
        };
        return [renew, () => accountsOn(revoking, now).revokeAll("u1")];
      },
      async (memory, label) => {
        const sessions = accountsOn(memory, now);
        expect(await isAlive(sessions, token), label).toBe(false);
        expect(await sessions.list("u1"), label).toEqual([]);
      },
    );
  });

  it("finds the sessions of two or more concurrent log-ins", async () => {
    const clock = new MovingClock();
    await using store = new HookedStore(clock.now);
    store.beforeCall = () => setImmediate(); // so that they interleave
    const sessions = accountsOn(store, clock.now);
    const begun = Array.from({ length: 20 }, () => logIn(sessions, "u1"));
    const revocations = [sessions.revokeAll("u1"), sessions.revokeAll("u1")];
    await Promise.all([...begun, ...revocations]);
    expect(await missing(accountsOn(store.memory, clock.now))).toEqual([]);
    await sessions.revokeAll("u1");
    expect(await store.memory.all()).toEqual(new Map());
  });
});
