import { performance } from "node:perf_hooks";
import { expect, it, onTestFinished, vi } from "vitest";
import { type Removal, removeInBatches } from "../src/kit/index.js";

it("grows quick batches, shrinks slow ones, and asks for a pause as long as each batch", async () => {
  let time = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => time);
  onTestFinished(() => clock.mockRestore());
  /** Duration of each batch. */
  const durations = [1, 1, 1, 1, 1, 30, 30, 15];
  const limits: number[] = [];
  const removals: Removal[] = [];
  const steps = removeInBatches({
    batchMs: 10,
    async removeNext(limit) {
      time += durations[limits.length] ?? 0;
      limits.push(limit);
      const isLast = limits.length === durations.length;
      return { removed: isLast ? 3 : limit, isLast };
    },
  });
  for await (const removal of steps) removals.push(removal);
  expect(limits).toEqual([64, 128, 256, 512, 1024, 1024, 512, 256]);
  expect(removals.map(({ removed }) => removed)).toEqual([64, 128, 256, 512, 1024, 1024, 512, 3]);
  expect(removals.map(({ pauseMs }) => pauseMs)).toEqual([1, 1, 1, 1, 1, 30, 30, 0]); // no pause after the last
});

it("removes nothing more if the caller stops", async () => {
  let batches = 0;
  const steps = removeInBatches({
    batchMs: 10,
    removeNext: async (limit) => {
      batches++;
      return { removed: limit, isLast: false };
    },
  });
  for await (const { removed } of steps) if (removed > 0) break;
  expect(batches).toBe(1);
});
