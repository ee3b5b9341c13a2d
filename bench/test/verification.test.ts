import { expect, it } from "vitest";
import type { Contender } from "../src/harness/contender.js";
import { measureSingle, measureWhole } from "../src/scenarios/cell.js";
import { Expiry } from "../src/scenarios/expiry.js";
import { isRequest, isWhole, OPERATIONS, type Operation } from "../src/scenarios/operation.js";
import { Workload } from "../src/scenarios/workload.js";
import { honest } from "./fixtures/lying-family.js";

type Lie = NonNullable<Parameters<typeof honest>[0]>;

const SESSIONS = 200;
const options = { sessions: SESSIONS, size: 256 };

/** Measures one operation in the same way as a process of the benchmark. */
async function measure(
  operation: Operation,
  open: (now?: () => number) => Contender,
  inFlight = 8,
): Promise<number> {
  globalThis.gc ??= (() => undefined) as never; // the processes are started with --expose-gc
  const workload = new Workload(open(), options);
  if (operation !== "insert") await workload.fill();
  const clock = { now: Date.now() };
  const openExpiry = async () =>
    new Expiry(
      open(() => clock.now),
      clock,
      options,
    );
  const pacing = { measureMs: 5, warmUpMs: 5 };
  if (isRequest(operation)) throw new Error("a store has no requests");
  const { perSecond } = isWhole(operation)
    ? await measureWhole(workload, operation, pacing, openExpiry)
    : await measureSingle(workload, { operation, inFlight }, pacing);
  await workload.verify("all");
  return perSecond;
}

/** A `deleteExpired` over the map, on the clock that the benchmark moves. */
const removing: Lie = (_contender, items) => ({
  deleteExpired: async () => {
    const due = Date.now() + 600_000;
    const expired = [...items].filter(([, { expiry }]) => expiry.getTime() < due);
    for (const [token] of expired) items.delete(token);
    return expired.length;
  },
});

const operations = OPERATIONS.filter((each) => each !== "deleteExpired" && !isRequest(each));

it.each(operations)("measures %s of an honest contender", async (operation) => {
  expect(await measure(operation, () => honest())).toBeGreaterThan(0);
});

it("measures deleteExpired of an honest contender", async () => {
  expect(await measure("deleteExpired", () => honest(removing), 1)).toBeGreaterThan(0);
});

it("measures callbacks like promises, whether they are called synchronously or later", async () => {
  for (const later of [false, true]) {
    const items = new Map<string, unknown>();
    const answer = (callback: (error?: unknown, result?: unknown) => void, result?: unknown) =>
      later ? setImmediate(callback, null, result) : callback(null, result);
    const contender: Contender = {
      style: "callback",
      prepare: (session) => session,
      read: (found) => found as never,
      find: (token, callback) => answer(callback, items.get(token)),
      commit: (token, content, _expiry, callback) => answer(callback, void items.set(token, content)),
      delete: (token, callback) => answer(callback, void items.delete(token)),
      touch: (_token, _content, _expiry, callback) => answer(callback),
      close: async () => undefined,
    };
    for (const operation of ["find", "insert", "update", "touch", "delete"] as const)
      expect(await measure(operation, () => contender)).toBeGreaterThan(0);
  }
});

/** Skips every 150th call, and still answers success. */
const sometimes = <Args extends unknown[]>(call: (...args: Args) => unknown, said: unknown) => {
  let calls = 0;
  return (...args: Args) => (++calls % 150 === 0 ? Promise.resolve(said) : call(...args));
};

const lies: [string, Operation, Lie][] = [
  ["loses a write", "insert", ({ commit }) => ({ commit: sometimes(commit, undefined) })],
  ["loses a change", "update", ({ commit }) => ({ commit: sometimes(commit, undefined) })],
  ["claims that it replaced", "replace", ({ replace }) => ({ replace: sometimes(replace as never, true) })],
  ["claims that it did not replace", "replace", () => ({ replace: async () => false })],
  ["claims that it touched", "touch", ({ touch }) => ({ touch: sometimes(touch as never, true) })],
  ["does not find a session", "find", ({ find }) => ({ find: sometimes(find, undefined) })],
  ["finds an unknown session", "miss", (_contender, items) => ({ find: async () => [...items.values()][0] })],
  [
    "finds another session",
    "find",
    (_contender, items) => ({ find: async (token) => items.get(token) && items.values().next().value }),
  ],
  ["keeps a deleted session", "delete", ({ delete: remove }) => ({ delete: sometimes(remove, undefined) })],
  [
    "lists a session twice",
    "entries",
    (_contender, items) => ({
      entries: async () => [...items.values()].with(0, [...items.values()][1] as never),
    }),
  ],
  [
    "lists less than all",
    "entries",
    (_contender, items) => ({
      async *entries() {
        yield* [...items.values()].slice(1);
      },
    }),
  ],
  [
    "claims that it removed expired sessions",
    "deleteExpired",
    () => ({ deleteExpired: async () => SESSIONS / 2 }),
  ],
  [
    "removes live sessions",
    "deleteExpired",
    (_contender, items) => ({
      deleteExpired: async () => {
        items.clear();
        return SESSIONS / 2;
      },
    }),
  ],
  [
    "removes nothing and reports no number",
    "deleteExpired",
    (_contender, items) => ({ deleteExpired: async () => undefined, count: async () => items.size }),
  ],
];

it.each(lies)("voids a contender that %s (%s)", async (_name, operation, lie) => {
  const lying = () => honest((given, items) => ({ ...removing(given, items), ...lie(given, items) }));
  await expect(measure(operation, lying)).rejects.toThrow(/session|calls gave a result/);
});

it("voids a contender that hides expired sessions without removing them (deleteExpired)", async () => {
  const hiding = (now: () => number = Date.now) =>
    honest((_given, items) => ({
      find: async (token) => {
        const item = items.get(token);
        return item !== undefined && item.expiry.getTime() > now() ? item : undefined;
      },
      deleteExpired: async () => SESSIONS / 2,
    }));
  await expect(measure("deleteExpired", hiding, 1)).rejects.toThrow("an expired session was found");
});

it("voids a cell in which a call failed", async () => {
  const failing = () => honest(() => ({ find: () => Promise.reject(new Error("out of order")) }));
  await expect(measure("find", failing)).rejects.toThrow("out of order");
});
