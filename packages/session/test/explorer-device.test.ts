import { describe, expect, it } from "vitest";
import { OTHERS, PROOFS, prepareBound } from "./explorer/bound-world.js";
import { explore, sample } from "./explorer/explore.js";
import { FAULTS, type Fault } from "./explorer/gated-store.js";

/** `npm run crash` walks everything; `npm test` a part that takes some seconds. */
const isThorough = process.env.SCS_TEST_KILLS !== undefined;
const LIMIT = isThorough ? 20_000 : 20;
const ROUNDS_PER_FAULT = isThorough ? 20 : 1;

const seed = Number(process.env.SCS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
let state = seed;
/** Numbers from 0 to 1 that the seed repeats: a linear congruential generator. */
const random = (): number => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
  return (state >>> 0) / 2 ** 32;
};

const pairs = PROOFS.flatMap((proof) =>
  [...PROOFS.filter(({ name }) => name === proof.name), ...OTHERS].map((other) => [proof, other]),
);

describe.each(pairs)(
  `a device keeps its session in every order of store calls (seed ${seed}): $name |`,
  (...pair) => {
    const [, other] = pair;
    it.each([1, 2])(`${other?.name}, by %d process(es)`, async (processes) => {
      const make = await prepareBound(pair, processes);
      const { interleavings, calls } = await explore(make, { isReduced: processes > 1, limit: LIMIT });
      expect(interleavings).toBeGreaterThan(0);
      for (let at = 0; at < calls; at++) {
        const one = FAULTS[Math.floor(random() * FAULTS.length)] as Fault;
        for (const fault of isThorough ? FAULTS : [one]) {
          for (let round = 0; round < ROUNDS_PER_FAULT; round++) await sample(make, random, { at, fault });
        }
      }
    });
  },
);
