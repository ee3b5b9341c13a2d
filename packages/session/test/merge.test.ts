import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { beforeEachCall } from "./fixtures/before-each-call.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { run, type Values } from "./fixtures/running-app.js";
import { stored, valuesOf } from "./fixtures/stored-session.js";

/** Stores two sessions, and loads one to merge the other into it. */
async function two() {
  const app = await stored({ cart: ["tea"] });
  const host = await app.sessions.load(undefined);
  await app.sessions.commit(host.set("userId", "u1"));
  const hostToken = host.token as string;
  return { ...app, hostToken, host: await app.sessions.load(hostToken) };
}

type Two = Awaited<ReturnType<typeof two>>;

describe("a merge whose session cannot be saved does not change the other one", () => {
  it.each<[string, (app: Two) => unknown]>([
    [
      "destroyed by another request",
      async ({ sessions, hostToken }) => sessions.destroy(await sessions.load(hostToken)),
    ],
    [
      "renewed by another request",
      async ({ sessions, hostToken }) => sessions.renew(await sessions.load(hostToken)),
    ],
    ["destroyed by its own", ({ host }) => host.destroy()],
    ["at its deadline", ({ host, clock }) => host.setDeadline(new Date(clock.now()))],
    ["too large", ({ host }) => host.set("large", "x".repeat(70_000))],
    ["not to be stored", ({ host }) => host.set("when", Symbol("x"))],
    ["where the store does not write", ({ store }) => store.fail("replace", new Error("away"))],
  ])("because that is %s", async (_, prevent) => {
    await using app = await two();
    expect(await app.host.merge(app.token)).toBe(true);
    await prevent(app);
    await app.sessions.commit(app.host).catch(() => undefined);
    app.store.fail("replace");
    expect(valuesOf(await app.load())).toEqual({ cart: ["tea"] });
  });

  it("because others change it a hundred times", async () => {
    await using app = await two();
    const { store, host, hostToken } = app;
    await host.merge(app.token);
    const replace = store.replace.bind(store);
    store.replace = async (key, ...rest) => key !== hostToken.split(".")[0] && replace(key, ...rest);
    await expect(app.sessions.commit(host)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(valuesOf(await app.load())).toEqual({ cart: ["tea"] });
  });
});

describe("a merge, before each call of which", () => {
  it.each([
    "changes the other session",
    "ends the other session",
    "changes this one",
    "ends this one",
    "renews this one",
  ])("another request %s, loses neither session", async (what) => {
    await beforeEachCall(async (store, { now }) => {
      const [sessions, others] = [
        new SessionManager<Values>({ store, now }),
        new SessionManager<Values>({ store: store.memory, now }),
      ];
      const [guest, host] = [await others.load(undefined), await others.load(undefined)];
      await others.commit(guest.set("cart", ["tea"]));
      await others.commit(host.set("userId", "u1"));
      const merging = await sessions.load(host.token);
      await merging.merge(guest.token as string);
      const subject = await others.load(what.includes("other") ? guest.token : host.token);
      return {
        operation: () => sessions.commit(merging),
        async meanwhile() {
          if (what.startsWith("changes")) subject.set("late", true);
          if (what.startsWith("renews")) subject.renew();
          if (what.startsWith("ends")) subject.destroy();
          await others.commit(subject);
        },
        async check(label) {
          const isRenewed = what.startsWith("renews") && subject.token !== host.token;
          const there = valuesOf(await others.load(isRenewed ? subject.token : host.token));
          const left = valuesOf(await others.load(guest.token));
          if (what === "changes this one" || what.endsWith("other session")) {
            expect(there, label).toMatchObject({ userId: "u1", cart: ["tea"] });
          }
          if (what === "renews this one") expect(there, label).toMatchObject({ userId: "u1" });
          if (what !== "ends the other session") {
            // A failed save leaves the other session; a successful one ends it.
            expect(left, label).toEqual(merging.status === "destroyed" ? { cart: ["tea"] } : {});
          }
          if (merging.status !== "destroyed" && what !== "ends this one") {
            expect(there, label).toHaveProperty("cart");
          }
          if (what.startsWith("changes") && subject.status !== "destroyed") {
            expect(there, label).toHaveProperty("late", true);
          }
        },
      };
    });
  });
});

it("keeps a change in place of a merged value while others change another value", async () => {
  await using app = await two();
  const { sessions, host, hostToken, token } = app;
  await host.merge(token);
  (host.get("cart") as string[]).push("milk");
  await sessions.use(token, (other) => other.set("seen", 1));
  await sessions.commit(host);
  expect(valuesOf(await sessions.load(hostToken))).toEqual({ userId: "u1", cart: ["tea", "milk"], seen: 1 });
});

it("takes over that others deleted a value before the merge is saved", async () => {
  await using app = await two();
  const { sessions, host, hostToken, token } = app;
  await host.merge(token);
  await sessions.use(token, (other) => void other.delete("cart"));
  await sessions.commit(host);
  expect(valuesOf(await sessions.load(hostToken))).toEqual({ userId: "u1" });
});

it("the next commit completes a merge that the store failed", async () => {
  for (const when of ["beforeCall", "afterCall"] as const) {
    for (let at = 0; ; at++) {
      const { now } = new MovingClock();
      await using store = new HookedStore(now);
      const sessions = new SessionManager<Values>({ store, now });
      const [guest, host] = [await sessions.load(undefined), await sessions.load(undefined)];
      await sessions.commit(guest.set("cart", ["tea"]));
      await sessions.commit(host.set("userId", "u1"));
      await host.merge(guest.token as string);
      let calls = 0;
      store[when] = () => {
        if (calls++ === at) throw new Error("away");
      };
      const isDone = await sessions.commit(host).then(
        () => true,
        () => false,
      );
      store[when] = () => undefined;
      const label = `${when} ${at}`;
      const both = [await sessions.load(guest.token), await sessions.load(host.token)].map(valuesOf);
      expect(
        both.some((values) => "cart" in values),
        label,
      ).toBe(true);
      expect(both[1], label).toMatchObject({ userId: "u1" });
      await sessions.commit(host);
      expect(valuesOf(await sessions.load(host.token)), label).toEqual({ userId: "u1", cart: ["tea"] });
      expect(await sessions.exists(guest.token as string), label).toBe(false);
      if (isDone) break;
    }
  }
});

it.each([1, 2, 3])(
  "of two sessions merged into each other at once, one survives with all values (%d)",
  async (lead) => {
    const { now } = new MovingClock();
    await using memory = new HookedStore(now);
    const stores = [0, 1].map(() => new HookedStore(now, memory.memory));
    const managers = stores.map((store) => new SessionManager<Values>({ store, now }));
    const begun = await Promise.all(managers.map((sessions) => sessions.load(undefined)));
    for (const [at, session] of begun.entries()) await managers[at]?.commit(session.set(`of ${at}`, at));
    const tokens = begun.map(({ token }) => token as string);
    const merging = await Promise.all(managers.map((sessions, at) => sessions.load(tokens[at])));
    for (const [at, session] of merging.entries()) await session.merge(tokens[1 - at] as string);
    for (const store of stores) store.beforeCall = () => setImmediate(); // call by call, in turns
    const [first, second] = merging.map((session, at) => async () => managers[at]?.commit(session));
    const commits = [first?.()];
    for (let turns = 1; turns < lead; turns++) await setImmediate();
    commits.push(second?.());
    await Promise.all(commits);
    const left = await Promise.all(tokens.map((token) => managers[0]?.load(token)));
    const values = left.map((session) => session && valuesOf(session));
    expect(values).toContainEqual({ "of 0": 0, "of 1": 1 });
  },
);

it("a repeated merge of one session ends it once", async () => {
  await using app = await run((_, res) => void res.end());
  const { sessions } = app;
  const reasons: string[] = [];
  sessions.on("destroyed", ({ reason }) => reasons.push(reason));
  const [one, other] = [await sessions.load(undefined), await sessions.load(undefined)];
  await sessions.commit(one.set("x", 1));
  await sessions.commit(other.set("y", 2));
  const token = other.token as string;
  expect([await one.merge(token), await one.merge(token)]).toEqual([true, true]);
  await sessions.commit(one);
  expect([one.get("y"), await sessions.exists(token), reasons]).toEqual([2, false, ["destroyed"]]);
});
