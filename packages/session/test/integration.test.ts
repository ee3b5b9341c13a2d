import { MemStore } from "@scs/memstore";
import { expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { SessionIntegration } from "../src/integration.js";
import { MovingClock } from "./fixtures/moving-clock.js";

interface Values {
  userId?: string;
  cart?: string[];
  idleMs?: number;
}

const DERIVED = "derivedderivedderived1";
const clock = new MovingClock();

function open(options: { idleTimeoutMs?: (data: Readonly<Values>) => number } = {}) {
  const store = new MemStore({ now: clock.now, cleanupIntervalMs: 0 });
  const sessions = new SessionManager<Values>({
    ...{ store, now: clock.now, owner: (data) => data.userId, ...options },
  });
  return { store, sessions, integration: new SessionIntegration(sessions) };
}

const request = () => ({ headers: {} });
const derived = (barredUntil = new Date(clock.now() + 60_000)) => ({
  ...{ id: DERIVED, values: { userId: "u1", cart: ["tea"] }, barredUntil },
});

it("requests that derive the same ID share a session, each with its own token", async () => {
  const { sessions, integration } = open();
  const opened = await Promise.all([1, 2, 3].map(() => integration.openDerived(request(), derived())));
  for (const each of opened) await each?.commit();
  const tokens = opened.map((each) => each?.storedToken);
  expect(new Set(tokens).size).toBe(3);
  for (const token of tokens) expect((await sessions.load(token)).get("userId")).toBe("u1");
  expect(await sessions.list("u1")).toHaveLength(1);
});

it.each<[string, (sessions: SessionManager<Values>, token: string) => Promise<unknown>]>([
  ["destroyed", async (sessions, token) => sessions.destroy(await sessions.load(token))],
  ["revoked", (sessions) => sessions.revokeAll("u1")],
])("a derived session that was %s is not begun again", async (_, end) => {
  const { sessions, integration } = open();
  const opened = await integration.openDerived(request(), derived());
  await end(sessions, opened?.storedToken as string);
  expect(await integration.openDerived(request(), derived())).toBeUndefined();
  expect(await sessions.list("u1")).toEqual([]);
  clock.advance(60_000);
  expect(await integration.openDerived(request(), derived())).toBeDefined();
});

it("changing a derived session keeps its key barred", async () => {
  const { sessions, integration } = open();
  const opened = await integration.openDerived(request(), derived());
  const session = await sessions.load(opened?.storedToken);
  await sessions.commit(session.set("cart", []));
  await sessions.renew(session);
  await sessions.destroy(session);
  expect(await integration.openDerived(request(), derived())).toBeUndefined();
});

it("an ID stays stored until its expiry", async () => {
  const { integration } = open();
  expect(await integration.isMarked(DERIVED)).toBe(false);
  await integration.mark(DERIVED, new Date(clock.now() + 1000));
  expect(await integration.isMarked(DERIVED)).toBe(true);
  expect(await integration.openDerived(request(), derived())).toBeUndefined();
  clock.advance(1000);
  expect(await integration.isMarked(DERIVED)).toBe(false);
});

it("reload drops the changes, and loads those of others", async () => {
  const { sessions, integration } = open();
  const first = await integration.open(request(), []);
  first.session.set("userId", "u1");
  await first.commit();
  const other = await sessions.load(first.storedToken);
  await sessions.commit(other.set("cart", ["tea"]));
  first.session.set("userId", "u2");
  expect(await first.reload()).toBe(true);
  expect(Object.fromEntries(first.values())).toEqual({ userId: "u1", cart: ["tea"] });
  expect(first.session.status).toBe("unmodified");
  await sessions.destroy(other);
  expect(await first.reload()).toBe(false);
});

it("reload finds no session for a replaced token", async () => {
  const { sessions, integration } = open();
  const first = await integration.open(request(), []);
  first.session.set("userId", "u1");
  await first.commit();
  await sessions.renew(await sessions.load(first.storedToken));
  expect(await first.reload()).toBe(false);
});

it("an idle timeout may depend on the values", async () => {
  const { store, sessions } = open({ idleTimeoutMs: (data) => data.idleMs ?? 1000 });
  const session = await sessions.load(undefined);
  await sessions.commit(session.set("userId", "u1"));
  const expiries = async () => {
    const found: number[] = [];
    for await (const { token, expiry } of store.entries()) {
      if (!token.startsWith("@")) found.push(expiry.getTime() - clock.now());
    }
    return found;
  };
  expect(await expiries()).toEqual([1000]);
  await sessions.commit(session.set("idleMs", 50_000));
  expect(await expiries()).toEqual([50_000]);
  clock.advance(4999);
  await sessions.use(session.token, () => undefined); // less than a tenth has passed
  expect(await expiries()).toEqual([45_001]);
  clock.advance(1);
  await sessions.use(session.token, () => undefined);
  expect(await expiries()).toEqual([50_000]);
  expect((await sessions.list("u1"))[0]?.lastSeen.getTime()).toBe(clock.now());
});

it.each([Number.NaN, -1, "1000", undefined])("refuses %s as the result of idleTimeoutMs", async (ms) => {
  const { sessions } = open({ idleTimeoutMs: () => ms as number });
  const session = await sessions.load(undefined);
  await expect(sessions.commit(session.set("userId", "u1"))).rejects.toThrow(
    /^idleTimeoutMs must return a number/,
  );
});
