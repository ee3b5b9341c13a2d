import assert from "node:assert/strict";
import type { FullStore, SessionRecord } from "@scs/core";
import type { Answer, Call } from "@scs/core/kit";
import { MemStore } from "@scs/memstore";
import { describe, it } from "vitest";
import { isMarked } from "../src/marks.js";
import type { MigrationStage } from "../src/migration-stage.js";
import { TwoStores } from "../src/two-stores.js";

const bytes = (text: string) => Buffer.from(text);
const NOW = 1_000_000;
const SOON = NOW + 1_000;
/** The expiry that each of the two calls writes. */
const EXPIRIES = [NOW + 9_000, NOW + 11_000] as const;

type Method = "find" | "commit" | "delete" | "replace" | "touch";
const METHODS: readonly Method[] = ["find", "commit", "delete", "replace", "touch"];

/** An interruption of the first call: its process stops, or one store call fails before or after it took effect. */
interface Interruption {
  /** Number of store calls that take effect before. */
  after: number;
  by: "stop" | "failed call" | "lost answer";
}

/** Blocks each call of a store until its actor's turn. */
class Turns {
  readonly #waiting: Map<number, () => void> = new Map();
  readonly #interruption: Interruption | undefined;
  /** Number of store calls of the first actor. */
  calledByFirst = 0;

  constructor(interruption?: Interruption) {
    this.#interruption = interruption;
  }

  gated(store: FullStore, actor: number): FullStore {
    const gated = Object.create(store) as Record<Method, unknown>;
    for (const method of METHODS) {
      gated[method] = async (...args: unknown[]) => {
        await new Promise<void>((resolve) => this.#waiting.set(actor, resolve));
        const at = actor === 0 ? ++this.calledByFirst : 0;
        const { after, by } = this.#interruption ?? {};
        if (by === "failed call" && at - 1 === after) throw new Error("failed");
        const answer = await (store[method] as (...all: unknown[]) => unknown).apply(store, args);
        if (by === "lost answer" && at === after) throw new Error("failed");
        return answer;
      };
    }
    return gated as unknown as FullStore;
  }

  get isFirstStopped(): boolean {
    const { after, by } = this.#interruption ?? {};
    return by === "stop" && this.calledByFirst === after;
  }

  get waiting(): number[] {
    return [...this.#waiting.keys()].sort();
  }

  async give(actor: number): Promise<void> {
    const go = this.#waiting.get(actor);
    this.#waiting.delete(actor);
    go?.();
    await new Promise((resolve) => setImmediate(resolve)); // lets the actor reach its next call, or its end
  }
}

const call = (rest: object): Call => ({ token: "t", deadline: Number.POSITIVE_INFINITY, ...rest }) as Call;

const operations: Record<string, (name: string, expiry: number) => Call> = {
  find: () => call({ kind: "find" }),
  insert: (name, expiry) => call({ kind: "replace", previous: undefined, data: bytes(name), expiry }),
  change: (name, expiry) => call({ kind: "replace", previous: bytes("old"), data: bytes(name), expiry }),
  extend: (_, expiry) => call({ kind: "replace", previous: bytes("old"), data: bytes("old"), expiry }),
  end: () => call({ kind: "replace", previous: bytes("old"), data: bytes(""), expiry: 0 }),
  delete: () => call({ kind: "delete" }),
  commit: (name, expiry) => call({ kind: "commit", data: bytes(name), expiry }),
  recommit: (_, expiry) => call({ kind: "commit", data: bytes("old"), expiry }),
  touch: (_, expiry) => call({ kind: "touch", expiry }),
};

interface Item {
  data: string;
  expiry: number;
}

function textOf(item: Item | undefined): string {
  return item === undefined ? "undefined" : `${item.data} until ${item.expiry - NOW}`;
}

/** Formats an answer. */
function answerOf(answer: Answer): string {
  if (answer === undefined || typeof answer === "boolean") return String(answer);
  const { data, expiry } = answer as SessionRecord;
  return textOf({ data: Buffer.from(data).toString(), expiry: expiry.getTime() });
}

/** Executes a call on the model of the contract. */
function carryOut(item: Item | undefined, { kind, ...rest }: Call): [answer: string, item: Item | undefined] {
  const {
    previous,
    data,
    expiry = 0,
  } = rest as { previous?: Uint8Array; data?: Uint8Array; expiry?: number };
  const written = expiry > NOW && data ? { data: Buffer.from(data).toString(), expiry } : undefined;
  if (kind === "find") return [textOf(item), item];
  if (kind === "touch") return [String(item !== undefined), item && { ...item, expiry }];
  if (kind === "delete") return ["undefined", undefined];
  if (kind === "commit") return ["undefined", written];
  const isMeant = item?.data === (previous && Buffer.from(previous).toString());
  return isMeant ? ["true", written] : ["false", item];
}

interface Situation {
  begin: "nowhere" | "old" | "new";
  stages: readonly [MigrationStage, MigrationStage];
  calls: readonly [Call, Call];
  interruption?: Interruption;
  /** Maximum number of switches away from an actor that could continue. @default no maximum */
  switches?: number;
}

/** Runs two calls in one order of their store calls. */
async function run(situation: Situation, choices: readonly number[]) {
  const { begin, stages, calls, interruption, switches = Number.POSITIVE_INFINITY } = situation;
  const now = () => NOW;
  const [from, to] = [
    new MemStore({ now, cleanupIntervalMs: 0 }),
    new MemStore({ now, cleanupIntervalMs: 0 }),
  ];
  if (begin !== "nowhere") await (begin === "old" ? from : to).commit("t", bytes("old"), new Date(SOON));
  const turns = new Turns(interruption);
  const answers: (string | undefined)[] = [undefined, undefined];
  calls.forEach((each, actor) => {
    const stage = stages[actor] as MigrationStage;
    const stores = new TwoStores({ from: turns.gated(from, actor), to: turns.gated(to, actor), stage, now });
    void stores.execute(each).then(
      (answer) => {
        answers[actor] = answerOf(answer);
      },
      (error: Error) => assert.equal(error.message, "failed"),
    );
  });
  await new Promise((resolve) => setImmediate(resolve));
  const branches: number[] = [];
  let [current, switched] = [-1, 0];
  for (let step = 0; turns.waiting.length > 0; step++) {
    const open = turns.waiting.filter((actor) => !(turns.isFirstStopped && actor === 0));
    if (open.length === 0) break;
    if (open.includes(current)) {
      open.sort((one) => (one === current ? -1 : 1)); // first the current actor
      if (switched >= switches) open.length = 1;
    }
    const choice = (choices[step] ?? 0) % open.length;
    branches.push(open.length);
    if (open.includes(current) && choice > 0) switched++;
    current = open[choice] as number;
    await turns.give(current);
  }
  // A third process reads a minute later, when no draft can be undecided.
  const later = new TwoStores({ from, to, stage: "move", now: () => NOW + 120_000 });
  const found = answerOf(await later.execute(call({ kind: "find" })));
  const left = [await from.find("t"), await to.find("t")].filter((each) => each && !isMarked(each.data));
  return { answers, found, branches, copies: left.length };
}

/** Returns whether running the two calls one after the other, in either order, explains these answers. */
function isExplained({ begin, calls }: Situation, answers: readonly (string | undefined)[], found: string) {
  // An interrupted call may or may not have taken effect.
  const orders = [[0, 1], [1, 0], ...(answers[0] === undefined ? [[1]] : [])];
  return orders.some((order) => {
    let item: Item | undefined = begin === "nowhere" ? undefined : { data: "old", expiry: SOON };
    for (const actor of order) {
      let answer: string;
      [answer, item] = carryOut(item, calls[actor] as Call);
      if (answers[actor] !== undefined && answer !== answers[actor]) return false;
    }
    return textOf(item) === found;
  });
}

/** Runs two calls in one order of their store calls, and fails unless a sequential order explains the outcome. */
async function check(situation: Situation, choices: readonly number[]): Promise<number[]> {
  const { answers, found, branches, copies } = await run(situation, choices);
  const { calls, ...rest } = situation;
  const kinds = calls.map(({ kind }) => kind);
  const story = JSON.stringify({
    ...rest,
    kinds,
    choices: choices.slice(0, branches.length),
    answers,
    found,
  });
  assert.ok(copies <= 1, `one record in two stores: ${story}`);
  assert.ok(isExplained(situation, answers, found), `no order explains: ${story}`);
  return branches;
}

/** `npm run crash` tests every order, with at most four switches, of every pair of calls. This takes minutes. */
const isThorough = process.env.SCS_TEST_KILLS !== undefined;
const SAMPLE = 12;

/** Tests a sample of the orders of the store calls. */
async function sample(situation: Situation): Promise<void> {
  const size = situation.interruption === undefined ? SAMPLE : 3;
  let seed = 1;
  const next = (): number => {
    seed = (seed * 48_271) % 2_147_483_647; // Lehmer's generator: the same orders each time
    return seed >> 8;
  };
  for (let n = 0; n < size; n++) await check(situation, Array.from({ length: 40 }, next));
}

/** Tests all orders of the store calls, depth first. */
async function walkAll(situation: Situation): Promise<void> {
  const choices: number[] = [];
  for (;;) {
    const branches = await check(situation, choices);
    while (branches.length > 0) {
      const last = branches.length - 1;
      const next = (choices[last] ?? 0) + 1;
      choices.length = last;
      for (let at = 0; at < last; at++) choices[at] ??= 0;
      if (next < (branches[last] as number)) {
        choices[last] = next;
        break;
      }
      branches.pop();
    }
    if (branches.length === 0) return;
  }
}

/** Tests all orders with at most four switches, or a sample of all orders. */
const explore = (situation: Situation): Promise<void> =>
  isThorough ? walkAll({ ...situation, switches: 4 }) : sample(situation);

const stagePairs = [
  ["prepare", "prepare"],
  ["prepare", "move"],
  ["move", "move"],
  ["move", "finish"],
] as const;
const names = Object.keys(operations);
const begins = ["nowhere", "old", "new"] as const;

/** Returns all pairs of calls; in one order if the stages are equal. */
function pairsOf(stages: readonly [MigrationStage, MigrationStage]): [string, string][] {
  const pairs = names.flatMap((first) => names.map((second): [string, string] => [first, second]));
  return stages[0] === stages[1] ? pairs.filter(([first, second]) => first <= second) : pairs;
}

function callsOf([first, second]: [string, string]): [Call, Call] {
  return [operations[first]?.("one", EXPIRIES[0]), operations[second]?.("two", EXPIRIES[1])] as [Call, Call];
}

for (const stages of stagePairs) {
  describe(`in every order of their store calls, ${stages.join(" beside ")}`, () => {
    for (const begin of begins) {
      it(`two calls on a record that is ${begin} are explained by a sequential order`, async () => {
        for (const pair of pairsOf(stages)) await explore({ begin, stages, calls: callsOf(pair) });
      });
    }

    it("a new expiry is not lost while the other moves the record", async () => {
      for (const renewal of ["touch", "extend", "recommit"]) {
        await walkAll({ begin: "old", stages, calls: callsOf([renewal, "find"]), switches: 3 });
      }
    });
  });
}

for (const by of ["stop", "failed call", "lost answer"] as const) {
  it(`keeps acknowledged changes, and one usable record, after a ${by} at each store call`, async () => {
    for (const stages of isThorough ? stagePairs : [["prepare", "move"] as const]) {
      for (const pair of names.flatMap((one) => names.map((two): [string, string] => [one, two]))) {
        for (const begin of begins) {
          for (let after = by === "failed call" ? 0 : 1; after < 9; after++) {
            await explore({ begin, stages, calls: callsOf(pair), interruption: { after, by } });
          }
        }
      }
    }
  });
}
