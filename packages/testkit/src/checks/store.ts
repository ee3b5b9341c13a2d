import assert from "node:assert/strict";
import type { Store } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, bytes } from "../expectations.js";
import { copyChecks } from "./copies.js";
import { orderChecks } from "./order.js";
import { ownClockChecks } from "./own-clock.js";
import { refusalChecks } from "./refusals.js";
import { tokenChecks } from "./tokens.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** The sentences about `find`, `commit` and `delete`, which every store keeps. */
export const storeChecks: readonly Check<Store>[] = [
  {
    name: "find returns undefined for an unknown token",
    async run({ store, clock }) {
      await assertAbsent(store, "t");
      await store.commit("other", one, clock.in(1000));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "find returns the committed data",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await assertLive(store, "t", one);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "find returns the committed expiry, to the millisecond",
    async run({ store, clock }) {
      for (const ms of [1, 2, 999, 1001, 86_399_999]) {
        await store.commit("t", one, clock.in(ms));
        await assertLive(store, "t", one, clock.in(ms));
      }
    },
  },
  {
    name: "find returns an expiry a century away, to the millisecond",
    async run({ store, clock }) {
      const expiry = clock.in(100 * 365.25 * 86_400_000 + 1);
      await store.commit("t", one, expiry);
      await assertLive(store, "t", one, expiry);
      clock.advance(50 * 365 * 86_400_000);
      await assertLive(store, "t", one, expiry);
    },
  },
  {
    name: "commit overwrites the data of a live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.commit("t", two, clock.in(1000));
      await assertLive(store, "t", two);
    },
  },
  {
    name: "commit overwrites the expiry of a live record, later and earlier",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.commit("t", one, clock.in(5000));
      await assertLive(store, "t", one, clock.in(5000));
      await store.commit("t", one, clock.in(500));
      await assertLive(store, "t", one, clock.in(500));
    },
  },
  {
    name: "commit changes no other record",
    async run({ store, clock }) {
      const expiry = clock.in(1000);
      await store.commit("t1", one, expiry);
      await store.commit("t2", two, clock.in(2000));
      await assertLive(store, "t1", one, expiry);
      await store.commit("t2", one, clock.in(3000));
      await assertLive(store, "t1", one, expiry);
    },
  },
  {
    name: "delete removes a record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      assert.equal(await store.delete("t"), undefined);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "delete of a missing record succeeds",
    async run({ store, clock }) {
      assert.equal(await store.delete("t"), undefined);
      await store.commit("t", one, clock.in(1000));
      await store.delete("t");
      assert.equal(await store.delete("t"), undefined);
    },
  },
  {
    name: "delete removes no other record",
    async run({ store, clock }) {
      for (const token of ["t", "t1", "t2"]) await store.commit(token, one, clock.in(1000));
      await store.delete("t1");
      await assertLive(store, "t", one);
      await assertLive(store, "t2", one);
    },
  },
  {
    name: "a token can be committed again after delete",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.delete("t");
      await store.commit("t", two, clock.in(2000));
      await assertLive(store, "t", two, clock.in(2000));
    },
  },
  {
    name: "a record is live until the millisecond before it expires",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(999);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "a record is gone at the instant of its expiry",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1000);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "a record stays gone after it has expired",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1001);
      await assertAbsent(store, "t");
      clock.advance(86_400_000);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "a token can be committed again after its record has expired",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1000);
      await store.commit("t", two, clock.in(1000));
      await assertLive(store, "t", two, clock.in(1000));
    },
  },
  {
    name: "commit with a past expiry leaves no live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(-1));
      await assertAbsent(store, "t");
      await store.commit("t", one, new Date(0));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "commit with the present instant as expiry leaves no live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(0));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "commit with a past expiry ends the live record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      await store.commit("t", two, clock.in(-1));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "find returns empty data as committed",
    async run({ store, clock }) {
      await store.commit("t", new Uint8Array(0), clock.in(1000));
      await assertLive(store, "t", new Uint8Array(0), clock.in(1000));
    },
  },
  {
    name: "find returns 1 MiB of data as committed",
    async run({ store, clock }) {
      const data = new Uint8Array(2 ** 20);
      for (let index = 0; index < data.length; index++) data[index] = (index * 31 + (index >> 8)) & 255;
      await store.commit("t", data, clock.in(1000));
      await assertLive(store, "t", data);
      await store.commit("t", one, clock.in(1000));
      await assertLive(store, "t", one);
    },
  },
  {
    name: "find returns every value of a byte, in every place",
    async run({ store, clock }) {
      const up = Uint8Array.from({ length: 256 }, (_, index) => index);
      await store.commit("up", up, clock.in(1000));
      await store.commit("down", up.toReversed(), clock.in(1000));
      await assertLive(store, "up", up);
      await assertLive(store, "down", up.toReversed());
    },
  },
  ...refusalChecks,
  ...copyChecks,
  ...tokenChecks,
  ...orderChecks,
  ...ownClockChecks,
];
