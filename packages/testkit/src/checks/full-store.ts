import assert from "node:assert/strict";
import type { FullStore } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, assertThat, bytes, rejectsWith } from "../expectations.js";
import { assertLinearizable } from "../interleaving.js";
import { LONG_LIMIT_MS } from "../time-limit.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** The sentences that combine capabilities, for a store that has all of them. */
export const fullStoreChecks: readonly Check<FullStore>[] = [
  {
    name: "replace compares only data, and ignores touches",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.touch("t", clock.in(2000));
      assert.equal(await store.replace("t", one, two, clock.in(3000)), true);
      await assertLive(store, "t", two, clock.in(3000));
    },
  },
  {
    name: "replace, touch, commit and delete of one token take effect in call order, awaited or not",
    async run({ store, clock }) {
      const outcomes = await Promise.all([
        store.replace("t", undefined, one, clock.in(1000)),
        store.touch("t", clock.in(2000)),
        store.replace("t", one, two, clock.in(3000)),
        store.delete("t"),
        store.replace("t", two, one, clock.in(1000)),
        store.touch("t", clock.in(2000)),
        store.commit("t", one, clock.in(1000)),
        store.touch("t", clock.in(4000)),
      ]);
      assert.deepEqual(outcomes, [true, true, true, undefined, false, false, undefined, true]);
      await assertLive(store, "t", one, clock.in(4000));
    },
  },
  {
    name: "deleteExpired uses the expiry set by touch and replace",
    async run({ store, clock }) {
      for (const token of ["touched", "replaced", "sooner"]) await store.commit(token, one, clock.in(1000));
      await store.touch("touched", clock.in(3000));
      await store.replace("replaced", one, two, clock.in(3000));
      await store.touch("sooner", clock.in(500));
      clock.advance(999);
      assert.equal(await store.deleteExpired(), 1);
      clock.advance(1);
      assert.equal(await store.deleteExpired(), 0);
      await assertLive(store, "touched", one);
      await assertLive(store, "replaced", two);
      clock.advance(2000);
      assert.equal(await store.deleteExpired(), 2);
    },
  },
  {
    name: "deleteExpired never removes a record that replace inserts meanwhile",
    async run({ store, clock }) {
      const tokens = Array.from({ length: 300 }, (_, n) => `t${n}`);
      await Promise.all(tokens.map((token) => store.commit(token, one, clock.in(1000))));
      clock.advance(1000);
      const running = store.deleteExpired();
      await Promise.all(tokens.map((token) => store.replace(token, undefined, two, clock.in(1000))));
      await running;
      for (const token of tokens) await assertLive(store, token, two);
    },
  },
  {
    name: "replace and touch return false after deleteExpired",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1000);
      await store.deleteExpired();
      assert.equal(await store.replace("t", one, two, clock.in(1000)), false);
      assert.equal(await store.touch("t", clock.in(1000)), false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "entries yields each record exactly once during touches and replaces",
    limitMs: LONG_LIMIT_MS,
    async run({ store, clock }) {
      const tokens = Array.from({ length: 200 }, (_, n) => `t${String(n).padStart(3, "0")}`);
      for (const token of tokens) await store.commit(token, one, clock.in(1000));
      const seen: string[] = [];
      for await (const { token } of store.entries()) {
        seen.push(token);
        assertThat(seen.length <= 200, "entries yields a record twice");
        await Promise.all([
          store.touch(token, clock.in(2000)),
          store.replace(tokens[(seen.length * 7) % 200] as string, one, two, clock.in(3000)),
        ]);
      }
      assert.deepEqual(seen.sort(), tokens);
    },
  },
  {
    name: "replace, touch, entries, all and deleteExpired reject with CLOSED after disposal",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store[Symbol.asyncDispose]();
      await rejectsWith("CLOSED", () => store.replace("t", one, two, clock.in(1000)));
      await rejectsWith("CLOSED", () => store.replace("", one, two, clock.in(1000)));
      await rejectsWith("CLOSED", () => store.touch("t", clock.in(1000)));
      await rejectsWith("CLOSED", () => store.touch("", clock.in(1000)));
      await rejectsWith("CLOSED", () => store.entries().next());
      await rejectsWith("CLOSED", () => store.all());
      await rejectsWith("CLOSED", () => store.deleteExpired());
    },
  },
  {
    name: "disposal ends the background cleanup, and stopCleanup still resolves",
    async run({ open }) {
      const store = await open({ cleanupIntervalMs: 60_000 });
      await store[Symbol.asyncDispose]();
      assert.equal(await store.stopCleanup(), undefined);
    },
  },
  {
    name: "interleaved calls of every kind, including cleanups, are linearizable",
    limitMs: LONG_LIMIT_MS,
    run: (context) =>
      assertLinearizable(context, ["find", "commit", "delete", "replace", "touch", "deleteExpired"]),
  },
];
