import assert from "node:assert/strict";
import type { TouchableStore } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, assertSecret, bytes, rejectsWith } from "../expectations.js";
import { assertLinearizable } from "../interleaving.js";
import { LONG_LIMIT_MS } from "../time-limit.js";
import { malformedTokens } from "../tokens.js";
import { touchableOwnClockChecks } from "./own-clock.js";

const one: Uint8Array = bytes("one");

/** The sentences about `touch`, in addition to {@link storeChecks}. */
export const touchableStoreChecks: readonly Check<TouchableStore>[] = [
  {
    name: "touch moves the expiry of a live record, both later and earlier",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      assert.equal(await store.touch("t", clock.in(5000)), true);
      assert.equal((await store.find("t"))?.expiry.getTime(), clock.in(5000).getTime());
      assert.equal(await store.touch("t", clock.in(500)), true);
      assert.equal((await store.find("t"))?.expiry.getTime(), clock.in(500).getTime());
    },
  },
  {
    name: "a record lives exactly until the expiry set by touch",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.touch("t", clock.in(2000));
      clock.advance(1999);
      await assertLive(store, "t", one);
      clock.advance(1);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "touch does not change the data",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.touch("t", clock.in(2000));
      await assertLive(store, "t", one);
    },
  },
  {
    name: "touch changes no other record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.commit("t1", one, clock.in(1000));
      await store.touch("t", clock.in(2000));
      await assertLive(store, "t1", one, clock.in(1000));
    },
  },
  {
    name: "touch returns false for an unknown token, and creates no record",
    async run({ store, clock }) {
      assert.equal(await store.touch("t", clock.in(1000)), false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "touch never brings back a deleted session",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.delete("t");
      assert.equal(await store.touch("t", clock.in(1000)), false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "touch returns false from the instant of expiry, and never brings the record back",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(999);
      assert.equal(await store.touch("t", clock.in(1)), true);
      clock.advance(1);
      assert.equal(await store.touch("t", clock.in(1000)), false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "touch with a past expiry ends the record",
    async run({ store, clock }) {
      for (const ms of [0, -1]) {
        await store.commit("t", one, clock.in(1000));
        assert.equal(await store.touch("t", clock.in(ms)), true);
        await assertAbsent(store, "t");
        assert.equal(await store.touch("t", clock.in(1000)), false);
      }
    },
  },
  {
    name: "touch returns false for a malformed token",
    async run({ store, clock }) {
      await store.commit("\ufffd", one, clock.in(1000));
      for (const token of malformedTokens)
        assert.equal(await store.touch(token as string, clock.in(2000)), false);
      await assertLive(store, "\ufffd", one, clock.in(1000));
    },
  },
  {
    name: "touch with an invalid Date rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const date of [new Date(Number.NaN), undefined, null, 7] as unknown as Date[]) {
        await rejectsWith("INVALID_ARGUMENT", () => store.touch("t", date));
      }
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "no error of touch contains a token",
    async run({ store }) {
      const secret = "hunter2-hunter2";
      assertSecret(
        [await rejectsWith("INVALID_ARGUMENT", () => store.touch(secret, new Date(Number.NaN)))],
        secret,
      );
    },
  },
  {
    name: "changing the Date passed to touch changes no record, even while the call is in flight",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const expiry = clock.in(2000);
      const touching = store.touch("t", expiry);
      expiry.setTime(0);
      await touching;
      await assertLive(store, "t", one, clock.in(2000));
    },
  },
  {
    name: "touch, commit and delete of one token take effect in call order, awaited or not",
    async run({ store, clock }) {
      const outcomes = await Promise.all([
        store.commit("t", one, clock.in(1000)),
        store.touch("t", clock.in(2000)),
        store.delete("t"),
        store.touch("t", clock.in(3000)),
      ]);
      assert.deepEqual(outcomes, [undefined, true, undefined, false]);
      await assertAbsent(store, "t");
      await Promise.all([store.commit("t", one, clock.in(1000)), store.touch("t", clock.in(2000))]);
      await assertLive(store, "t", one, clock.in(2000));
      await Promise.all([store.touch("t", clock.in(3000)), store.commit("t", one, clock.in(1000))]);
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "delete always wins over concurrent touches from two clients",
    async run({ store, clock, another }) {
      const other = await another();
      for (let round = 0; round < 20; round++) {
        const token = `t${round}`;
        await store.commit(token, one, clock.in(1000));
        const expiry = clock.in(2000);
        await Promise.all([other.touch(token, expiry), store.delete(token), other.touch(token, expiry)]);
        assert.equal(await other.touch(token, expiry), false);
        await assertAbsent(store, token);
      }
    },
  },
  {
    name: "interleaved touches of several clients are linearizable",
    limitMs: LONG_LIMIT_MS,
    run: (context) => assertLinearizable(context, ["find", "commit", "delete", "touch"]),
  },
  ...touchableOwnClockChecks,
];
