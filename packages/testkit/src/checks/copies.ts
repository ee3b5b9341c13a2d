import type { Store } from "@scs/core";
import type { Check } from "../check.js";
import { assertLive, assertThat, bytes, sameBytes } from "../expectations.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** The sentences about copies of bytes and dates; part of {@link storeChecks}. */
export const copyChecks: readonly Check<Store>[] = [
  {
    name: "changing an array after commit changes no record",
    async run({ store, clock }) {
      const data = bytes("one");
      await store.commit("t", data, clock.in(1000));
      data.fill(0);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "changing an array during commit changes no record",
    async run({ store, clock }) {
      const data = bytes("one");
      const committing = store.commit("t", data, clock.in(1000));
      data.fill(0);
      await committing;
      await assertLive(store, "t", one);
    },
  },
  {
    name: "changing an array returned by find changes no record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      (await store.find("t"))?.data.fill(0);
      await assertLive(store, "t", one);
    },
  },
  {
    name: "each find returns an array of its own",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const [first, second] = await Promise.all([store.find("t"), store.find("t")]);
      assertThat(first !== undefined && second !== undefined, "there is no live record");
      first.data.fill(0);
      sameBytes(second.data, one);
    },
  },
  {
    name: "changing the Date after commit changes no record",
    async run({ store, clock }) {
      const expiry = clock.in(1000);
      const committing = store.commit("t", one, expiry);
      expiry.setTime(0);
      await committing;
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "changing the Date returned by find changes no record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      (await store.find("t"))?.expiry.setTime(0);
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "commit of a view on a larger buffer stores only the bytes of the view",
    async run({ store, clock }) {
      const view = bytes("before one after").subarray(7, 10);
      await store.commit("t", view, clock.in(1000));
      await assertLive(store, "t", one);
      await store.commit("t", Buffer.from("before two after").subarray(7, 10), clock.in(1000));
      await assertLive(store, "t", two);
    },
  },
];
