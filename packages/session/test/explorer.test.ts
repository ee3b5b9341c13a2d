import { describe, expect, it } from "vitest";
import { explore, sample } from "./explorer/explore.js";
import { FAULTS } from "./explorer/gated-store.js";
import { OPERATIONS } from "./explorer/operations.js";
import { nameOf, prepare, prepareMutualMerge, type Setting, settings } from "./explorer/scenarios.js";

/** `npm run crash` walks every order; `npm test` a part that takes about 20 seconds. */
const isThorough = process.env.SCS_TEST_KILLS !== undefined;
const LIMIT = isThorough ? 20_000 : 24;
const ROUNDS_PER_FAULT = isThorough ? 4 : 1;
const TRIPLES = isThorough ? 20_000 : 300;
/** Share of the calls that fail once in `npm test`. */
const SHARE_OF_CALLS = 0.4;
const ROUNDS = isThorough ? 100_000 : 1000;

const seed = Number(process.env.SCS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));

/** Numbers from 0 to 1 that a seed repeats: mulberry32. */
function randomOf(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Runs `work`, and adds the setting to its failure. */
async function inSetting<R>(setting: Setting, more: string, work: () => Promise<R>): Promise<R> {
  try {
    return await work();
  } catch (error) {
    const what = `${(error as Error).message.split("\n")[0]} in: ${nameOf(setting)}${more}; SCS_TEST_SEED=${seed}`;
    throw new Error(what, { cause: error });
  }
}

const pairs = [...settings(2)];
const random = randomOf(seed);
const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;

describe(`the manager's promises hold in every order of store calls (seed ${seed})`, () => {
  describe.each(OPERATIONS)("of two operations: $name, and", ({ name }) => {
    const own = pairs.filter(({ operations }) => operations[0]?.name === name);

    it("each other", async () => {
      let interleavings = 0;
      for (const setting of own) {
        await inSetting(setting, "", async () => {
          const options = { isReduced: setting.processes > 1, limit: LIMIT };
          const walk = await explore(await prepare(setting), options);
          interleavings += walk.interleavings;
          if (isThorough && !walk.isComplete) console.log(`stopped at ${LIMIT}: ${nameOf(setting)}`);
        });
      }
      if (isThorough) console.log(`${name}: ${own.length} settings, ${interleavings} interleavings`);
    });

    it("each other, with one failing store call or a crash there", async () => {
      let runs = 0;
      for (const setting of own) {
        const make = await prepare(setting);
        const { calls } = await explore(make, { isReduced: false, limit: 1 });
        for (let at = 0; at < calls; at++) {
          if (!isThorough && random() > SHARE_OF_CALLS) continue;
          const faults = isThorough ? FAULTS : [oneOf(FAULTS)];
          for (const fault of faults) {
            for (let round = 0; round < ROUNDS_PER_FAULT; round++, runs++) {
              await inSetting(setting, `, which ${fault} at call ${at}`, () =>
                sample(make, random, { at, fault }),
              );
            }
          }
        }
      }
      if (isThorough) console.log(`${name}: ${runs} runs with a failure`);
    });
  });

  it("of three operations", async () => {
    const triples = [...settings(3)];
    for (let round = 0; round < TRIPLES; round++) {
      const setting = oneOf(triples);
      await inSetting(setting, "", async () => sample(await prepare(setting), random));
    }
  });

  it("of two sessions that are merged into each other while one is changed", async () => {
    const make = await prepareMutualMerge();
    const { interleavings, calls } = await explore(make, { isReduced: true, limit: 20 * LIMIT });
    if (isThorough) console.log(`merged into one another: ${interleavings} interleavings`);
    for (let at = 0; at < calls; at++) {
      for (const fault of FAULTS) {
        for (let round = 0; round < 5 * ROUNDS_PER_FAULT; round++) await sample(make, random, { at, fault });
      }
    }
  });

  it("of two or three random operations with failures", async () => {
    const all = [...pairs, ...settings(3)];
    for (let round = 0; round < ROUNDS; round++) {
      const setting = oneOf(all);
      const fault = { at: Math.floor(random() * 16), fault: oneOf(FAULTS) };
      await inSetting(setting, `, which ${fault.fault} at call ${fault.at}`, async () =>
        sample(await prepare(setting), random, fault),
      );
    }
  });
});

describe("the explorer", () => {
  it("walks every order, but only one of those that differ only in independent calls", async () => {
    const [setting] = pairs.filter(
      (each) => each.operations.every(({ name }) => name === "set a") && each.processes === 2,
    );
    const make = await prepare(setting as Setting);
    const all = await explore(make, { isReduced: false });
    const reduced = await explore(make, { isReduced: true });
    expect(all.isComplete && reduced.isComplete).toBe(true);
    // find, replace, and one more find and replace for the one that comes second
    expect([all.interleavings, reduced.interleavings]).toEqual([6, 4]);
  });
});
