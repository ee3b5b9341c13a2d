import assert from "node:assert/strict";
import type { AtomicStore } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, assertThat, bytes } from "../expectations.js";
import { assertLinearizable } from "../interleaving.js";
import { LONG_LIMIT_MS } from "../time-limit.js";
import { malformedTokens } from "../tokens.js";
import { atomicOwnClockChecks } from "./own-clock.js";
import { replaceRefusalChecks } from "./refusals.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");
const empty: Uint8Array = new Uint8Array(0);

/** The sentences about `replace`, in addition to {@link storeChecks}. */
export const atomicStoreChecks: readonly Check<AtomicStore>[] = [
  {
    name: "replace with previous undefined inserts a missing record",
    async run({ store, clock }) {
      assert.equal(await store.replace("t", undefined, one, clock.in(1000)), true);
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "replace with previous undefined returns false for a live record, and writes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      assert.equal(await store.replace("t", undefined, two, clock.in(2000)), false);
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "replace with the stored data as previous writes data and expiry",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      assert.equal(await store.replace("t", one, two, clock.in(2000)), true);
      await assertLive(store, "t", two, clock.in(2000));
      assert.equal(await store.replace("t", two, two, clock.in(500)), true);
      await assertLive(store, "t", two, clock.in(500));
    },
  },
  {
    name: "replace with other data as previous returns false, and writes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      assert.equal(await store.replace("t", two, two, clock.in(2000)), false);
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "replace compares all bytes and the length",
    async run({ store, clock }) {
      const data = Uint8Array.from({ length: 300 }, (_, index) => index & 255);
      await store.commit("t", data, clock.in(1000));
      const others = [
        data.subarray(0, 299),
        Uint8Array.from([...data, 0]),
        ...[0, 150, 299].map((at) => data.with(at, 7 + at)),
      ];
      for (const other of others) {
        assert.equal(await store.replace("t", other, two, clock.in(2000)), false);
      }
      await assertLive(store, "t", data, clock.in(1000));
      assert.equal(await store.replace("t", data, two, clock.in(2000)), true);
    },
  },
  {
    name: "replace with data as previous returns false for a missing record, and writes nothing",
    async run({ store, clock }) {
      assert.equal(await store.replace("t", one, two, clock.in(1000)), false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "replace treats empty data as data, not as absence",
    async run({ store, clock }) {
      assert.equal(await store.replace("t", empty, one, clock.in(1000)), false);
      await assertAbsent(store, "t");
      assert.equal(await store.replace("t", undefined, empty, clock.in(1000)), true);
      assert.equal(await store.replace("t", undefined, one, clock.in(1000)), false);
      assert.equal(await store.replace("t", empty, one, clock.in(1000)), true);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "replace never brings back a deleted session",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.delete("t");
      assert.equal(await store.replace("t", one, two, clock.in(1000)), false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "replace called after delete, neither awaited, never brings the session back",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const [, wrote] = await Promise.all([store.delete("t"), store.replace("t", one, two, clock.in(1000))]);
      assert.equal(wrote, false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "delete always wins over late replaces from two clients",
    async run({ store, clock, another }) {
      const other = await another();
      for (let round = 0; round < 20; round++) {
        const token = `t${round}`;
        await store.commit(token, one, clock.in(1000));
        const late = [one, two].map((data) => other.replace(token, data, two, clock.in(1000)));
        await Promise.all([...late, store.delete(token), other.replace(token, one, two, clock.in(1000))]);
        assert.equal(await other.replace(token, two, one, clock.in(1000)), false);
        await assertAbsent(store, token);
      }
    },
  },
  {
    name: "replace with data as previous returns false from the instant of expiry",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(999);
      assert.equal(await store.replace("t", one, two, clock.in(1)), true);
      clock.advance(1);
      assert.equal(await store.replace("t", two, one, clock.in(1000)), false);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "replace with previous undefined inserts from the instant of expiry of the old record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(999);
      assert.equal(await store.replace("t", undefined, two, clock.in(1000)), false);
      clock.advance(1);
      assert.equal(await store.replace("t", undefined, two, clock.in(1000)), true);
      await assertLive(store, "t", two, clock.in(1000));
    },
  },
  {
    name: "replace with a past expiry leaves no live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      assert.equal(await store.replace("t", one, two, clock.in(0)), true);
      await assertAbsent(store, "t");
      assert.equal(await store.replace("t", two, one, clock.in(1000)), false);
      assert.equal(await store.replace("t", undefined, one, clock.in(1000)), true);
    },
  },
  {
    name: "replace returns false for a malformed token",
    async run({ store, clock }) {
      await store.commit("\ufffd", one, clock.in(1000));
      for (const token of malformedTokens) {
        assert.equal(await store.replace(token as string, undefined, two, clock.in(1000)), false);
        assert.equal(await store.replace(token as string, one, two, clock.in(1000)), false);
      }
      await assertLive(store, "\ufffd", one);
    },
  },
  ...replaceRefusalChecks,
  {
    name: "changing the arguments of replace changes no record, even while the call is in flight",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const [previous, data, expiry] = [bytes("one"), bytes("two"), clock.in(2000)];
      const replacing = store.replace("t", previous, data, expiry);
      previous.fill(0);
      data.fill(0);
      expiry.setTime(0);
      assert.equal(await replacing, true);
      await assertLive(store, "t", two, clock.in(2000));
    },
  },
  {
    name: "replace and commit of one token take effect in call order, awaited or not",
    async run({ store, clock }) {
      const outcomes = await Promise.all([
        store.commit("t", one, clock.in(1000)),
        store.replace("t", one, two, clock.in(1000)),
        store.replace("t", one, one, clock.in(1000)),
        store.commit("t", bytes("three"), clock.in(1000)),
        store.replace("t", bytes("three"), bytes("four"), clock.in(1000)),
      ]);
      assert.deepEqual(outcomes, [undefined, true, false, undefined, true]);
      await assertLive(store, "t", bytes("four"));
    },
  },
  {
    name: "exactly one of many concurrent replaces with the same previous, from two clients, writes",
    async run({ store, clock, another }) {
      const clients = [store, await another()];
      await store.commit("t", one, clock.in(1000));
      const tries = Array.from({ length: 50 }, (_, n) => n);
      const wrote = await Promise.all(
        tries.map((n) => clients[n % 2]?.replace("t", one, bytes(`by ${n}`), clock.in(1000))),
      );
      assert.equal(wrote.filter(Boolean).length, 1);
      await assertLive(store, "t", bytes(`by ${wrote.indexOf(true)}`));
    },
  },
  {
    name: "exactly one of many concurrent inserts by replace, from two clients, writes",
    async run({ store, clock, another }) {
      const clients = [store, await another()];
      const tries = Array.from({ length: 50 }, (_, n) => n);
      const wrote = await Promise.all(
        tries.map((n) => clients[n % 2]?.replace("t", undefined, bytes(`by ${n}`), clock.in(1000))),
      );
      assert.equal(wrote.filter(Boolean).length, 1);
      await assertLive(store, "t", bytes(`by ${wrote.indexOf(true)}`));
    },
  },
  {
    name: "replace loses none of 1,000 increments of one counter from two clients",
    limitMs: LONG_LIMIT_MS,
    async run({ store, clock, another }) {
      const expiry = clock.in(1000);
      await store.commit("t", bytes("0"), expiry);
      const count = async (client: AtomicStore): Promise<void> => {
        for (let done = 0; done < 250; ) {
          const record = await client.find("t");
          assertThat(record !== undefined, "there is no live record");
          const next = bytes(String(Number(Buffer.from(record.data).toString()) + 1));
          if (await client.replace("t", record.data, next, expiry)) done++;
        }
      };
      const other = await another();
      await Promise.all([count(store), count(other), count(store), count(other)]);
      await assertLive(other, "t", bytes("1000"));
    },
  },
  {
    name: "interleaved replaces of several clients are linearizable",
    limitMs: LONG_LIMIT_MS,
    run: (context) => assertLinearizable(context, ["find", "commit", "delete", "replace"]),
  },
  ...atomicOwnClockChecks,
];
