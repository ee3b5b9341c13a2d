import {
  type It,
  testAtomicStore,
  testFullStore,
  testIterableStore,
  testStore,
  testTouchableStore,
} from "@scs/testkit";
import { describe, it } from "vitest";
import { anotherAt, openAt } from "./open.js";

const module = new URL("./open.js", import.meta.url);

describe("alone", () => {
  testFullStore(it, { open: openAt("move"), another: anotherAt("move"), module });
});

/**
 * Skips the checks of interleaved calls: while another process moves a record, a write that changes only the expiry may be
 * lost (README), because compare-and-swap compares data. interleavings.test.ts tests the orders instead.
 */
const itBeside: It = (name, run) => {
  if (!name.startsWith("interleaved")) it(name, run);
};

// Two processes at consecutive stages.
for (const [first, second] of [
  ["prepare", "move"],
  ["move", "prepare"],
  ["move", "finish"],
] as const) {
  describe(`${first} beside ${second}`, () => {
    const backend = { open: openAt(first), another: anotherAt(second) };
    testStore(itBeside, backend);
    testAtomicStore(itBeside, backend);
    testTouchableStore(itBeside, backend);
    testIterableStore(itBeside, backend);
  });
}
