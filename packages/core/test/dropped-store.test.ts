import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";

const program = fileURLToPath(new URL("./fixtures/drop-stores.js", import.meta.url));

describe("a store with a background cleanup", () => {
  let outcome: Record<string, unknown>;

  beforeAll(async () => {
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", program]);
    outcome = JSON.parse(stdout);
  });

  const collected = { runs: 1, isCollected: true, timersBefore: 1, timersAfterwards: 0 };

  it("is collected when the app drops it, and its timer ends by itself", () => {
    expect(outcome.dropped).toEqual(collected);
  });

  it("is collected even if onError refers to it", () => {
    expect(outcome.droppedWithOnError).toEqual(collected);
  });

  it("is collected even if its scheduler is still referenced", () => {
    expect(outcome.droppedWithoutScheduler).toEqual({ isCollected: true, timersAfterwards: 0 });
  });

  it("is cleaned up as long as the app holds it", () => {
    expect(outcome.kept).toEqual({ runs: 1, timers: 1 });
  });
});
