import { setImmediate } from "node:timers/promises";
import fc from "fast-check";
import { expect, it } from "vitest";
import { AGAIN, type Answer, BatchQueue, type Call } from "../src/kit/index.js";

const call = fc.record({
  kind: fc.constantFrom("find", "commit", "delete", "touch"),
  token: fc.constantFrom("a", "b", "c", "d"),
  /** Number of turns of the event loop before the call. */
  pause: fc.integer({ min: 0, max: 2 }),
});
/** The outcome of a batch. */
const fate = fc.record({
  wait: fc.integer({ min: 0, max: 3 }),
  most: fc.integer({ min: 0, max: 5 }),
  outcome: fc.constantFrom("answered", "answered", "failed", "failed before", "some again", "some refused"),
});
const setting = fc.record({
  batchIs: fc.constantFrom("set", "sequence"),
  workers: fc.integer({ min: 1, max: 3 }),
  hasLanes: fc.boolean(),
  maySplit: fc.boolean(),
  timeoutMs: fc.constantFrom(1, 2, 4, 60_000),
});

it("answers each call once and in the order of its token, for any outcome of the batches, and keeps nothing", {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(call, { maxLength: 40 }),
      fc.array(fate, { maxLength: 30 }),
      setting,
      async (calls, fates, { batchIs, workers, hasLanes, maySplit, timeoutMs }) => {
        const rest = [...fates];
        const effects: { token: string; number: number }[] = [];
        const running = new Map<string, number>();
        const queue = new BatchQueue({
          name: "store",
          timeoutMs,
          batchIs: batchIs as "set" | "sequence",
          lanes:
            hasLanes && batchIs === "set"
              ? [{ kinds: ["find"], workers }, { workers }]
              : [{ workers: batchIs === "set" ? workers : 1 }],
          mayConcernOneCall: () => maySplit,
          async execute(batch) {
            const { wait, most, outcome } = rest.shift() ?? { wait: 0, most: 9, outcome: "answered" };
            for (let turn = 0; turn < wait; turn++) await setImmediate();
            if (outcome === "failed before") throw new Error("failed before");
            const taken: Call[] = [];
            for (const each of batch) if (taken.push(each) > most) break;
            const tokens = new Set(taken.map(({ token }) => token));
            if (batchIs === "set") expect(tokens.size).toBe(taken.length);
            for (const token of tokens) {
              expect(running.get(token) ?? 0, "one batch at a time has a token").toBe(0);
              running.set(token, 1);
            }
            await setImmediate();
            for (const token of tokens) running.set(token, 0);
            if (outcome === "failed") throw new Error("failed");
            // In a sequence, repeated calls come before all later ones.
            const isWhole = outcome === "answered" || (batchIs === "sequence" && outcome === "some again");
            const answers: Answer[] = taken.map((each, index) => {
              if (outcome === "some refused" && index % 2 === 1) return new Error("refused");
              if (!isWhole && outcome === "some again" && index % 2 === 1) return AGAIN;
              effects.push({
                token: each.token,
                number: (each as Call & { expiry: number }).expiry,
              });
              return each.kind === "touch";
            });
            return answers;
          },
        });
        const outcomes: Promise<unknown>[] = [];
        let answered = 0;
        for (const [number, { kind, token, pause }] of calls.entries()) {
          for (let turn = 0; turn < pause; turn++) await setImmediate();
          const made = queue.run(kind as Call["kind"], token, undefined, undefined, number);
          outcomes.push(
            made.then(
              () => answered++,
              () => answered++,
            ),
          );
        }
        await Promise.all(outcomes);
        await queue.close();
        expect(answered).toBe(calls.length);
        for (const token of ["a", "b", "c", "d"]) {
          expect(queue.isPending(token)).toBe(false);
          const order = effects.filter((effect) => effect.token === token).map(({ number }) => number);
          expect(order).toEqual([...order].sort((one, other) => one - other));
          expect(new Set(order).size, "nothing takes effect twice").toBe(order.length);
        }
        rest.length = 0;
        await Promise.allSettled([queue.run("delete", "a", undefined, undefined, calls.length)]); // the queue still works
        await queue.close();
      },
    ),
    { numRuns: 400 },
  );
});
