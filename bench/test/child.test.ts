import { expect, it } from "vitest";
import { Answering, runInChild } from "../src/child.js";

const SCRIPT = "../test/fixtures/ends-badly.js";
const LONG_MS = 20_000;

it.each([
  ["well", undefined],
  ["exit", "its process ended with 3"],
])("a process that has answered and ends (%s) is judged by its end", async (end, expected) => {
  const child = new Answering<object, object>(SCRIPT, { end });
  expect(await child.ask({}, LONG_MS)).toMatchObject({ pid: expect.any(Number) });
  expect(await child.end(LONG_MS)).toBe(expected);
});

it("a process that does not end is killed, and that is said", async () => {
  const child = new Answering<object, object>(SCRIPT, { end: "hang" });
  await child.ask({}, LONG_MS);
  expect(await child.end(10)).toMatch(/^it had not ended after 0\.01 s/);
});

it("what is told to a process that has ended goes nowhere, and its end is the error", async () => {
  const replies: ((answer: object) => void)[] = [];
  const ended = runInChild(
    "../test/fixtures/asks-and-dies.js",
    {},
    {
      onMessage: (_message, reply) => {
        replies.push(reply);
        reply({});
        reply({});
      },
    },
  );
  await expect(ended).rejects.toThrow("its process ended with 4");
  replies[0]?.({});
});

it("a signal ends a process at once", async () => {
  const controller = new AbortController();
  const ended = runInChild(SCRIPT, { end: "well" }, { signal: controller.signal });
  controller.abort();
  await expect(ended).rejects.toThrow(/abort/i);
});
