import { expect, it } from "vitest";
import { Child } from "../src/harness/child.js";

const SCRIPT = new URL("./fixtures/ends-badly.js", import.meta.url);
const LONG_MS = 60_000;

it.each([
  ["well", undefined],
  ["exit", "its process ended with 3"],
])("reports how a process that has answered ends (%s)", async (end, expected) => {
  const child = new Child<object, object>(SCRIPT, { end });
  expect(await child.ask({}, LONG_MS)).toMatchObject({ pid: expect.any(Number) });
  expect(await child.end(LONG_MS)).toBe(expected);
});

it("kills a process that does not end, and reports the reason", async () => {
  const child = new Child<object, object>(SCRIPT, { end: "hang" });
  await child.ask({}, LONG_MS);
  expect(await child.end(10)).toMatch(/^it did not end within 0\.01 s/);
});

it("rejects this question and all later ones when the process dies", async () => {
  const child = new Child<object, object>(SCRIPT, { end: "at once" });
  await expect(child.ask({}, LONG_MS)).rejects.toThrow("its process ended with 4");
  await expect(child.ask({}, LONG_MS)).rejects.toThrow("its process ended with 4");
});
