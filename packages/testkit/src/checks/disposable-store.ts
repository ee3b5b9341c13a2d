import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Store } from "@scs/core";
import type { Check } from "../check.js";
import { bytes, rejectsWith } from "../expectations.js";

const one: Uint8Array = bytes("one");

/** The sentences about disposal, in addition to {@link storeChecks}. */
export const disposableStoreChecks: readonly Check<Store & AsyncDisposable>[] = [
  {
    name: "find, commit and delete reject with CLOSED after disposal",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store[Symbol.asyncDispose]();
      await rejectsWith("CLOSED", () => store.find("t"));
      await rejectsWith("CLOSED", () => store.commit("t", one, clock.in(1000)));
      await rejectsWith("CLOSED", () => store.delete("t"));
    },
  },
  {
    name: "a call with a malformed token rejects with CLOSED after disposal",
    async run({ store, clock }) {
      await store[Symbol.asyncDispose]();
      await rejectsWith("CLOSED", () => store.find(""));
      await rejectsWith("CLOSED", () => store.commit("", one, clock.in(1000)));
      await rejectsWith("CLOSED", () => store.delete(""));
    },
  },
  {
    name: "a call during disposal rejects with CLOSED",
    async run({ store, clock }) {
      const disposing = store[Symbol.asyncDispose]();
      await rejectsWith("CLOSED", () => store.commit("t", one, clock.in(1000)));
      await disposing;
    },
  },
  {
    name: "disposal waits for the writes in flight, and lets them succeed",
    async run({ store, clock }) {
      let settled = 0;
      const writes = Array.from({ length: 100 }, async (_, n) => {
        await (n % 3 === 2 ? store.delete(`t${n - 1}`) : store.commit(`t${n}`, one, clock.in(1000)));
        settled++;
      });
      await store[Symbol.asyncDispose]();
      await setImmediate(); // lets the reactions of writes that have just resolved run first
      assert.equal(settled, 100);
      await Promise.all(writes);
    },
  },
  {
    name: "a store may be disposed of repeatedly and concurrently",
    async run({ store }) {
      await Promise.all([store[Symbol.asyncDispose](), store[Symbol.asyncDispose]()]);
      assert.equal(await store[Symbol.asyncDispose](), undefined);
    },
  },
];
