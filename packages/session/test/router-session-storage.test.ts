import { expect, it } from "vitest";
import { routerSessionStorage } from "../src/adapters/react-router.js";
import type { Values } from "./fixtures/running-app.js";
import { RunningManager } from "./fixtures/running-manager.js";

const cookieOf = (setCookie: string): string => setCookie.split(";")[0] as string;

it("begins, reads, changes and ends a session by its cookie", async () => {
  await using running = new RunningManager();
  const { getSession, commitSession, destroySession } = routerSessionStorage<Values, unknown>(
    running.sessions,
  );
  const first = await getSession(null);
  first.set("userId", "u1");
  first.flash("message", "welcome");
  const setCookie = await commitSession(first);
  expect(setCookie).toMatch(/^__Host-session=[\w-]{22}\.[\w-]{43}; Max-Age=86400; /);
  const second = await getSession(cookieOf(setCookie));
  expect([second.id, second.get("userId"), second.has("message")]).toEqual([first.id, "u1", true]);
  expect([second.get("message"), second.has("message")]).toEqual(["welcome", false]);
  second.unset("userId");
  expect(second.data).toEqual({});
  expect(cookieOf(await commitSession(second))).toBe(cookieOf(setCookie));
  expect(await destroySession(second)).toContain("Max-Age=0");
  expect(await running.store.keys()).toEqual([]);
});

it("a commit after a log-out does not bring the session back", async () => {
  await using running = new RunningManager();
  const { getSession, commitSession, destroySession } = routerSessionStorage<Values, unknown>(
    running.sessions,
  );
  const cookie = await running.begin();
  const late = await getSession(cookie);
  late.set("late", true);
  await destroySession(await getSession(cookie));
  expect(await commitSession(late)).toContain("Max-Age=0");
  expect(await running.store.keys()).toEqual([]);
});

it("renewSession renews the token, and expires sets the deadline", async () => {
  await using running = new RunningManager();
  const { getSession, commitSession, renewSession } = routerSessionStorage<Values, unknown>(running.sessions);
  const cookie = await running.begin();
  const session = await getSession(cookie);
  renewSession(session);
  const expires = new Date(running.clock.now() + 60_000);
  const setCookie = await commitSession(session, { expires });
  expect(setCookie).toContain("Max-Age=60;");
  expect(cookieOf(setCookie)).not.toBe(cookie);
  expect((await getSession(cookie)).get("userId")).toBeUndefined();
  expect((await getSession(cookieOf(setCookie))).get("userId")).toBe("u1");
});

it("refuses a session of another storage", async () => {
  await using running = new RunningManager();
  const { commitSession } = routerSessionStorage<Values, unknown>(running.sessions);
  await expect(commitSession({ id: "" } as never)).rejects.toThrow("returned by getSession");
});
