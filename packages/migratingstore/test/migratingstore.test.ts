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
 * Leaves out the checks of interleaved calls: a write that changes the expiry alone may be lost while another process
 * moves the record (README), since compare-and-swap compares data. interleavings.test.ts walks the orders instead.
 */
const itBeside: It = (name, run) => {
  if (!name.startsWith("interleaved")) it(name, run);
};

// Two processes of stages that follow one another.
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
