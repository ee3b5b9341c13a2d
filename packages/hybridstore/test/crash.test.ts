import { fork } from "node:child_process";
import { once } from "node:events";
import { assertSurvivesKills } from "@scs/testkit";
import { expect, it } from "vitest";
import { type HybridStore, openHybridStore } from "../src/index.js";
import { openWith } from "../src/open.js";
import { makeDirectory } from "./directory.js";
import { FaultyFiles } from "./faulty-files.js";

/** Number of kills; `npm run crash` at the root uses 200. */
const kills = Number(process.env.SCS_TEST_KILLS ?? 8);
const module = new URL("./open.js", import.meta.url);

for (const durability of ["flushed", "committed"]) {
  it(`${durability}: keeps every acknowledged write when the process is killed, also during snapshots`, {
    timeout: 60_000 + kills * 10_000,
  }, async () => {
    const directory = makeDirectory();
    // With such a small log, one snapshot follows another.
    const location = { directory, durability, snapshotRatio: 0.01, minLogBytes: 20_000 };
    const report = await assertSurvivesKills({ module, location, kills });
    console.log(`${durability}: ${JSON.stringify(report)}`);
    expect(report.acknowledged).toBeGreaterThan(0);
    expect(report.underWay).toBeGreaterThan(0);
  });
}

it("keeps every acknowledged write when the process dies before any call of the file system", {
  timeout: 60_000 + kills * 10_000,
}, async () => {
  const directory = makeDirectory();
  let acknowledged = -1;
  // A start makes about 25 calls, a snapshot about as many. Every start dies at a different call.
  for (let calls = 0; calls < Math.min(12 * kills, 400); calls += 3) {
    const script = new URL("./die.js", import.meta.url);
    const child = fork(script, [directory, String(calls), String(acknowledged + 1)], { execArgv: [] });
    child.on("message", (n) => {
      acknowledged = Number(n);
    });
    const [, signal] = await once(child, "close");
    expect(signal).toBe("SIGKILL");
    const store = await openHybridStore(directory, { cleanupIntervalMs: 0, onError: () => undefined });
    const numbers = [...(await store.all()).keys()]
      .map((token) => Number(token.slice(1)))
      .sort((a, b) => a - b);
    await store[Symbol.asyncDispose]();
    // Calls in flight at the crash may be there or not: a commit, or the delete after it.
    const from = Math.max(0, acknowledged - 9);
    const expected = Array.from({ length: acknowledged - from + 1 }, (_, n) => from + n);
    const next = [...expected, acknowledged + 1];
    expect([expected, next, next.slice(next.length > 10 ? 1 : 0)], `after ${calls} calls`).toContainEqual(
      numbers,
    );
    acknowledged = Math.max(acknowledged, numbers.at(-1) ?? -1);
    await prune(directory, acknowledged);
  }
  expect(acknowledged).toBeGreaterThan(10);
});

/**
 * Makes the delete that may not have been made, so that the next process begins as if it had; and a snapshot, or ever
 * more logs are read before it gets further than the last.
 */
async function prune(directory: string, acknowledged: number): Promise<void> {
  const faulty = new FaultyFiles(); // only counts
  const options = { cleanupIntervalMs: 0, snapshotRatio: 0.01, minLogBytes: 300 };
  const store = await openWith(faulty.files, directory, options);
  await store.delete(`t${acknowledged - 10}`);
  for (let n = 0; n < 100 && !faulty.hasCalled("unlink", "log-"); n++)
    await store.delete(await replaced(store));
  await store[Symbol.asyncDispose]();
}

/** Makes writes whose result does not matter. */
async function replaced(store: HybridStore): Promise<string> {
  await store.commit("of the test", new Uint8Array(100), new Date(4_000_000_000_000));
  return "of the test";
}
