import assert from "node:assert/strict";
import type { Store } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, bytes, sameBytes } from "../expectations.js";
import { assertLinearizable } from "../interleaving.js";
import { LONG_LIMIT_MS } from "../time-limit.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** The sentences about concurrent calls; part of {@link storeChecks}. */
export const orderChecks: readonly Check<Store>[] = [
  {
    name: "commits of one token take effect in call order, awaited or not",
    async run({ store, clock }) {
      const writes = Array.from({ length: 50 }, (_, n) =>
        store.commit("t", bytes(`${n}`), clock.in(1000 + n)),
      );
      await Promise.all(writes);
      await assertLive(store, "t", bytes("49"), clock.in(1049));
    },
  },
  {
    name: "find sees an earlier commit of its token that was not awaited",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const committing = store.commit("t", two, clock.in(1000));
      const record = await store.find("t");
      await committing;
      sameBytes(record?.data, two);
    },
  },
  {
    name: "find does not see a later commit of its token",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const finding = store.find("t");
      const committing = store.commit("t", two, clock.in(1000));
      sameBytes((await finding)?.data, one);
      await committing;
    },
  },
  {
    name: "commit and delete of one token take effect in call order, awaited or not",
    async run({ store, clock }) {
      await Promise.all([store.commit("t1", one, clock.in(1000)), store.delete("t1")]);
      await assertAbsent(store, "t1");
      await Promise.all([store.delete("t2"), store.commit("t2", one, clock.in(1000))]);
      await assertLive(store, "t2", one);
      const deleting = store.delete("t2");
      const record = await store.find("t2");
      await deleting;
      assert.equal(record, undefined, "find returns a deleted record");
    },
  },
  {
    name: "hundreds of concurrent finds each return their own record",
    async run({ store, clock }) {
      const numbers = Array.from({ length: 300 }, (_, n) => n);
      await Promise.all(numbers.map((n) => store.commit(`t${n}`, bytes(`data ${n}`), clock.in(1000 + n))));
      await Promise.all(numbers.filter((n) => n % 3 === 0).map((n) => store.delete(`t${n}`)));
      const records = await Promise.all(numbers.map((n) => store.find(`t${n}`)));
      for (const [n, record] of records.entries()) {
        if (n % 3 === 0) assert.equal(record, undefined);
        else {
          sameBytes(record?.data, bytes(`data ${n}`));
          assert.equal(record?.expiry.getTime(), clock.in(1000 + n).getTime());
        }
      }
    },
  },
  {
    name: "a rejected call does not fail the calls made with it",
    async run({ store, clock }) {
      const outcomes = await Promise.allSettled([
        store.commit("t1", one, clock.in(1000)),
        store.commit("", one, clock.in(1000)),
        store.commit("t2", two, clock.in(1000)),
        store.commit("t3", one, new Date(Number.NaN)),
        store.commit("t4", one, clock.in(1000)),
      ]);
      assert.deepEqual(
        outcomes.map(({ status }) => status),
        ["fulfilled", "rejected", "fulfilled", "rejected", "fulfilled"],
      );
      await assertLive(store, "t1", one);
      await assertLive(store, "t2", two);
      await assertLive(store, "t4", one);
    },
  },
  {
    name: "find sees the commits and deletes of another client at once",
    async run({ store, clock, another }) {
      const other = await another();
      await store.commit("t", one, clock.in(1000));
      await assertLive(other, "t", one, clock.in(1000));
      await other.commit("t", two, clock.in(2000));
      await assertLive(store, "t", two, clock.in(2000));
      await store.delete("t");
      await assertAbsent(other, "t");
    },
  },
  {
    name: "interleaved finds, commits and deletes of several clients are linearizable",
    limitMs: LONG_LIMIT_MS,
    run: (context) => assertLinearizable(context, ["find", "commit", "delete"]),
  },
];
