import { expect, it } from "vitest";
import { measureTask } from "../src/cell.js";
import type { Contender } from "../src/contender.js";
import { OPERATIONS, type Operation } from "../src/operation.js";
import { Expiry } from "../src/whole.js";
import { Workload } from "../src/workload.js";
import { honest } from "./fixtures/lying-contenders.js";

type Lie = NonNullable<Parameters<typeof honest>[0]>;

const SESSIONS = 200;
const options = { sessions: SESSIONS, size: 256 };

/** Measures one operation as a child of the benchmark does. */
async function measure(
  operation: Operation,
  open: (now?: () => number) => Contender,
  inFlight = 8,
): Promise<number> {
  globalThis.gc ??= (() => undefined) as never; // the children are given it by their parent
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
  const { perSecond } = await measureTask(workload, { operation, inFlight }, pacing, openExpiry);
  await workload.verify("all");
  return perSecond;
}

/** A `deleteExpired` over the map, on the clock that the benchmark moves: all that is due within a second has expired. */
const sweeping: Lie = (_contender, items) => ({
  deleteExpired: async () => {
    const due = Date.now() + 600_000;
    const expired = [...items].filter(([, { expiry }]) => expiry.getTime() < due);
    for (const [token] of expired) items.delete(token);
    return expired.length;
  },
});

const operations = OPERATIONS.filter((each) => each !== "deleteExpired");

it.each(operations)("an honest contender has a figure for %s", async (operation) => {
  expect(await measure(operation, () => honest())).toBeGreaterThan(0);
});

it("an honest contender has a figure for deleteExpired", async () => {
  expect(await measure("deleteExpired", () => honest(sweeping), 1)).toBeGreaterThan(0);
});

it("callbacks, at once or later, are as good as promises", async () => {
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
    for (const operation of ["find", "insert", "update", "touch", "delete", "mix"] as const)
      expect(await measure(operation, () => contender)).toBeGreaterThan(0);
  }
});

/** Does the call but every so many times, and then says what a good one would say. */
const sometimes = <Args extends unknown[]>(call: (...args: Args) => unknown, said: unknown) => {
  let calls = 0;
  return (...args: Args) => (++calls % 150 === 0 ? Promise.resolve(said) : call(...args));
};

const lies: [string, Operation, Lie][] = [
  ["loses a write", "insert", ({ commit }) => ({ commit: sometimes(commit, undefined) })],
  ["loses a change", "update", ({ commit }) => ({ commit: sometimes(commit, undefined) })],
  ["says that it replaced", "replace", ({ replace }) => ({ replace: sometimes(replace as never, true) })],
  ["says that it did not replace", "replace", () => ({ replace: async () => false })],
  ["says that it touched", "touch", ({ touch }) => ({ touch: sometimes(touch as never, true) })],
  ["does not find what is there", "find", ({ find }) => ({ find: sometimes(find, undefined) })],
  ["finds what is not there", "miss", (_contender, items) => ({ find: async () => [...items.values()][0] })],
  [
    "finds another session",
    "find",
    (_contender, items) => ({ find: async (token) => items.get(token) && items.values().next().value }),
  ],
  ["keeps what was deleted", "delete", ({ delete: remove }) => ({ delete: sometimes(remove, undefined) })],
  ["lists less than all", "all", (_contender, items) => ({ all: async () => [...items.values()].slice(1) })],
  [
    "lists a session twice",
    "all",
    (_contender, items) => ({
      all: async () => [...items.values()].with(0, [...items.values()][1] as never),
    }),
  ],
  [
    "walks over less than all",
    "entries",
    (_contender, items) => ({
      async *entries() {
        yield* [...items.values()].slice(1);
      },
    }),
  ],
  ["says that it swept", "deleteExpired", () => ({ deleteExpired: async () => SESSIONS / 2 })],
  [
    "sweeps what is live",
    "deleteExpired",
    (_contender, items) => ({
      deleteExpired: async () => {
        items.clear();
        return SESSIONS / 2;
      },
    }),
  ],
  [
    "sweeps without telling, and nothing",
    "deleteExpired",
    (_contender, items) => ({ deleteExpired: async () => undefined, count: async () => items.size }),
  ],
  ["loses a change in the mix", "mix", ({ replace }) => ({ replace: sometimes(replace as never, true) })],
  ["finds nothing in the mix", "mix", ({ find }) => ({ find: sometimes(find, undefined) })],
];

it.each(lies)("a contender that %s has no figure (%s)", async (_name, operation, lie) => {
  const lying = () => honest((given, items) => ({ ...sweeping(given, items), ...lie(given, items) }));
  await expect(measure(operation, lying)).rejects.toThrow(/session|calls gave a result/);
});

it("a contender that hides what has expired, and removes nothing, has no figure (deleteExpired)", async () => {
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

it("an error of a call is the error of the cell", async () => {
  const failing = () => honest(() => ({ find: () => Promise.reject(new Error("out of order")) }));
  await expect(measure("find", failing)).rejects.toThrow("out of order");
});
