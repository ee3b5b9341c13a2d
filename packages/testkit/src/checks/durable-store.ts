import assert from "node:assert/strict";
import type { FullStore } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, bytes } from "../expectations.js";
import { hostileTokens } from "../tokens.js";
import { durableOwnClockChecks } from "./own-clock.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** The sentences about the death of the process, for a full store that survives it. */
export const durableStoreChecks: readonly Check<FullStore>[] = [
  {
    name: "data and expiry of a resolved commit survive a crash",
    async run({ store, clock, reopen }) {
      await store.commit("t1", one, clock.in(1000));
      await store.commit("t2", one, clock.in(1000));
      await store.commit("t2", two, clock.in(2001));
      const again = await reopen();
      await assertLive(again, "t1", one, clock.in(1000));
      await assertLive(again, "t2", two, clock.in(2001));
    },
  },
  {
    name: "a resolved delete survives a crash",
    async run({ store, clock, reopen }) {
      await store.commit("t", one, clock.in(1000));
      await store.delete("t");
      await assertAbsent(await reopen(), "t");
    },
  },
  {
    name: "a resolved replace survives a crash",
    async run({ store, clock, reopen }) {
      await store.replace("t", undefined, one, clock.in(1000));
      await store.replace("t", one, two, clock.in(2000));
      await assertLive(await reopen(), "t", two, clock.in(2000));
    },
  },
  {
    name: "a resolved touch survives a crash",
    async run({ store, clock, reopen }) {
      await store.commit("t", one, clock.in(1000));
      await store.touch("t", clock.in(2000));
      await assertLive(await reopen(), "t", one, clock.in(2000));
    },
  },
  {
    name: "a record that expires while no process runs is gone",
    async run({ store, clock, reopen }) {
      await store.commit("t1", one, clock.in(1000));
      await store.commit("t2", one, clock.in(1001));
      clock.advance(1000);
      const again = await reopen();
      await assertAbsent(again, "t1");
      await again.deleteExpired(); // counts the first record, unless opening has already removed it
      await assertAbsent(again, "t1");
      await assertLive(again, "t2", one);
    },
  },
  {
    name: "every well-formed token survives a crash unchanged",
    async run({ store, clock, reopen }) {
      const tokens = [...new Set<string>(Object.values(hostileTokens).flat())];
      await Promise.all(tokens.map((token) => store.commit(token, bytes(token), clock.in(1000))));
      const again = await reopen();
      for (const token of tokens) await assertLive(again, token, bytes(token));
      assert.deepEqual([...(await again.all()).keys()].sort(), tokens.sort());
    },
  },
  {
    name: "a store works after a crash, and survives the next one",
    async run({ store, clock, reopen }) {
      await store.commit("t1", one, clock.in(1000));
      const again = await reopen();
      assert.equal(await again.replace("t1", one, two, clock.in(2000)), true);
      await again.commit("t2", one, clock.in(1000));
      const third = await reopen();
      await assertLive(third, "t1", two, clock.in(2000));
      await assertLive(third, "t2", one);
    },
  },
  {
    name: "writes in flight at disposal are there when the store is opened again",
    async run({ store, clock, reopen }) {
      const writes = Array.from({ length: 100 }, (_, n) =>
        store.commit(`t${n}`, bytes(`${n}`), clock.in(1000)),
      );
      await store[Symbol.asyncDispose]();
      await Promise.all(writes);
      const again = await reopen();
      for (let n = 0; n < 100; n++) await assertLive(again, `t${n}`, bytes(`${n}`));
    },
  },
  ...durableOwnClockChecks,
];
