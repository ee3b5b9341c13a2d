import {
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

// Two processes at consecutive stages.
for (const [first, second] of [
  ["prepare", "move"],
  ["move", "prepare"],
  ["move", "finish"],
] as const) {
  describe(`${first} beside ${second}`, () => {
    const backend = { open: openAt(first), another: anotherAt(second) };
    testStore(it, backend);
    testAtomicStore(it, backend);
    testTouchableStore(it, backend);
    testIterableStore(it, backend);
  });
}
