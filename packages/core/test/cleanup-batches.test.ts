import { performance } from "node:perf_hooks";
import { expect, it, onTestFinished, vi } from "vitest";
import { removeInBatches } from "../src/kit/index.js";

it("batches grow while they are quick, shrink when they are slow, and tell what they have removed", async () => {
  let time = 0;
  const clock = vi.spyOn(performance, "now").mockImplementation(() => time);
  onTestFinished(() => clock.mockRestore());
  /** How long each batch takes. */
  const durations = [1, 1, 1, 1, 1, 30, 30, 15];
  const limits: number[] = [];
  const removed: number[] = [];
  const steps = removeInBatches({
    batchMs: 10,
    async removeNext(limit) {
      time += durations[limits.length] ?? 0;
      limits.push(limit);
      const isLast = limits.length === durations.length;
      return { removed: isLast ? 3 : limit, isLast };
    },
  });
  for await (const count of steps) removed.push(count);
  expect(limits).toEqual([64, 128, 256, 512, 1024, 1024, 512, 256]);
  expect(removed.filter((count) => count > 0)).toEqual([64, 128, 256, 512, 1024, 1024, 512, 3]);
});

it("a cleanup that nobody continues removes no more", async () => {
  let batches = 0;
  const steps = removeInBatches({
    batchMs: 10,
    removeNext: async (limit) => {
      batches++;
      return { removed: limit, isLast: false };
    },
  });
  for await (const count of steps) if (count > 0) break;
  expect(batches).toBe(1);
});
