import { describe, expect, it } from "vitest";
import type { Session } from "../src/index.js";
import { beforeEachCall } from "./fixtures/before-each-call.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { type Account, type Accounts, accountsOn, isAlive, logIn } from "./fixtures/owned-sessions.js";

const owners = ["u1", "u2"];

/** Changes of one session by two requests. */
type Act = (session: Session<Account>) => unknown;
const acts: Record<string, Act> = {
  "logs in": (session) => session.set("userId", "u1"),
  "logs in with a new token": (session) => session.set("userId", "u1").renew(),
  "logs another in": (session) => session.set("userId", "u2"),
  "logs another in with a new token": (session) => session.set("userId", "u2").renew(),
  "renews with grace": (session) => session.renew({ graceMs: 1000 }),
  "sets a deadline": (session) => session.setDeadline(new Date(session.deadline.getTime() + 9)),
  remembers: (session) => session.remember(true),
  "deletes the user": (session) => session.delete("userId"),
  "logs in, on another page": (session) => session.set("userId", "u1").set("page", 9),
  "changes a page": (session) => session.set("page", 2),
};

/** Returns the lists and the owner of each session. */
async function assertLists(sessions: Accounts, label: string): Promise<void> {
  const listed = new Map<string | undefined, string[]>();
  for (const owner of owners) {
    for (const { handle } of await sessions.list(owner))
      listed.set(handle, [...(listed.get(handle) ?? []), owner]);
  }
  await sessions.iterate((session) => {
    const owner = session.get("userId");
    expect(listed.get(session.handle) ?? [], label).toEqual(owner === undefined ? [] : [owner]);
    listed.delete(session.handle);
  });
  expect([...listed], label).toEqual([]);
}

const pairs = Object.keys(acts).flatMap((first) =>
  Object.keys(acts).map((second) => [first, second] as const),
);

describe.each([
  ["visitor", "no other"],
  ["u1", "no other"],
  ["u2", "no other"],
  ["visitor", "a log-in by another"],
])("two requests with a session of %s, and %s that comes before both are saved", (before, third) => {
  it.each(pairs)(
    "%s, and meanwhile %s: its owner's list contains it, and revokeAll ends it for each token",
    async (...names) => {
      await beforeEachCall(async (store, clock) => {
        const [sessions, others] = [accountsOn(store, clock.now), accountsOn(store.memory, clock.now)];
        const begun = await sessions.load(undefined);
        begun.set("page", 1);
        if (before !== "visitor") begun.set("userId", before);
        await sessions.commit(begun);
        const [one, other] = [await sessions.load(begun.token), await others.load(begun.token)];
        for (const [at, session] of [one, other].entries()) acts[names[at] as string]?.(session);
        if (third !== "no other") {
          await others.commit((await others.load(begun.token)).set("userId", "u1"));
        }
        return {
          operation: () => sessions.commit(one),
          meanwhile: () => others.commit(other),
          async check(label) {
            const restarted = accountsOn(store.memory, clock.now);
            const tokens = [begun.token, one.token, other.token];
            await assertLists(restarted, label);
            const lives = await Promise.all(tokens.map((token) => restarted.load(token)));
            const owner = lives.map((session) => session.get("userId")).find((each) => each !== undefined);
            const isThere = () => Promise.all(tokens.map((token) => restarted.exists(token as string)));
            const alive = await isThere();
            expect(alive, label).toContain(true);
            for (const each of owners) {
              if (each !== owner) expect(await restarted.revokeAll(each), label).toBe(0);
            }
            expect(await isThere(), label).toEqual(alive);
            if (owner === undefined) return;
            expect(await restarted.revokeAll(owner), label).toBe(1);
            expect(await isThere(), label).toEqual(tokens.map(() => false));
          },
        };
      });
    },
  );

  it.each(Object.entries(acts))(
    "one of which %s, with each store call failing in turn: revokeAll of another owner never ends it",
    async (_, act) => {
      for (const when of ["beforeCall", "afterCall"] as const) {
        for (let at = 0; ; at++) {
          const clock = new MovingClock();
          await using store = new HookedStore(clock.now);
          const onError = () => undefined;
          const sessions = accountsOn(store, clock.now, { onError });
          const session = await sessions.load(undefined);
          session.set("page", 1);
          if (before !== "visitor") session.set("userId", before);
          await sessions.commit(session);
          const { token } = session;
          act(session);
          let calls = 0;
          store[when] = () => {
            if (calls++ === at) throw new Error("away");
          };
          await sessions.commit(session).catch(() => undefined);
          store[when] = () => undefined;
          const restarted = accountsOn(store.memory, clock.now, { onError });
          const label = `${when} ${at}`;
          await assertLists(restarted, label);
          const tokens = [token, session.token].filter((each) => each !== undefined);
          const there = [];
          for (const each of tokens) if (await restarted.exists(each)) there.push(each);
          expect(there, label).not.toEqual([]);
          const owner = (await restarted.load(there[0])).get("userId");
          for (const each of owners) {
            expect(await restarted.revokeAll(each), label).toBe(each === owner ? 1 : 0);
          }
          if (owner !== undefined)
            for (const each of tokens) expect(await isAlive(restarted, each), label).toBe(false);
          if (calls <= at) break;
        }
      }
    },
  );
});

describe("a handle", () => {
  it("revokes nothing after the session has changed its owner", async () => {
    await beforeEachCall(async (store, clock) => {
      const [sessions, others] = [accountsOn(store, clock.now), accountsOn(store.memory, clock.now)];
      const session = await logIn(sessions, "u1");
      const { handle, token } = session;
      const other = await others.load(token);
      let isRevoked: boolean | undefined;
      return {
        async operation() {
          isRevoked = await sessions.revoke(handle);
        },
        meanwhile: () => others.commit(other.set("userId", "u2")),
        async check(label) {
          const alive = await isAlive(others, token);
          expect(alive, label).toBe(!isRevoked);
          expect(other.status, label).toBe(isRevoked ? "destroyed" : "unmodified");
          expect(await others.list("u2"), label).toHaveLength(isRevoked ? 0 : 1);
          expect(await others.list("u1"), label).toEqual([]);
        },
      };
    });
  });
});
