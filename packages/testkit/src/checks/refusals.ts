import type { AtomicStore, Store } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, assertSecret, bytes, rejectsWith } from "../expectations.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");
const invalidDates = [new Date(Number.NaN), undefined, null, Date.now(), "2031-01-01"] as unknown as Date[];
const invalidData = [
  undefined,
  null,
  "text",
  [1, 2],
  {},
  new ArrayBuffer(2),
  new Uint16Array(2),
] as unknown as Uint8Array[];

/** The sentences about invalid arguments; part of {@link storeChecks}. */
export const refusalChecks: readonly Check<Store>[] = [
  {
    name: "commit with an invalid Date rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const date of invalidDates) {
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("t", two, date));
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("new", two, date));
      }
      await assertLive(store, "t", one, clock.in(1000));
      await assertAbsent(store, "new");
    },
  },
  {
    name: "commit with data other than a Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const data of invalidData) {
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("t", data, clock.in(2000)));
        await rejectsWith("INVALID_ARGUMENT", () => store.commit("new", data, clock.in(2000)));
      }
      await assertLive(store, "t", one, clock.in(1000));
      await assertAbsent(store, "new");
    },
  },
  {
    name: "no error contains a token or session data",
    async run({ store, clock }) {
      const secret = "hunter2-hunter2";
      const data = bytes(secret);
      const errors = [
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(`${secret}\0`, data, clock.in(1000))),
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(secret.repeat(20), data, clock.in(1000))),
        await rejectsWith("INVALID_ARGUMENT", () =>
          store.commit(secret, secret as unknown as Uint8Array, clock.in(1000)),
        ),
        await rejectsWith("INVALID_ARGUMENT", () =>
          store.commit(secret, [...data] as unknown as Uint8Array, clock.in(1000)),
        ),
        await rejectsWith("INVALID_ARGUMENT", () => store.commit(secret, data, new Date(Number.NaN))),
      ];
      assertSecret(errors, secret);
    },
  },
];

/** The sentences about invalid arguments of `replace`; part of {@link atomicStoreChecks}. */
export const replaceRefusalChecks: readonly Check<AtomicStore>[] = [
  {
    name: "replace with an invalid Date rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const date of invalidDates) {
        await rejectsWith("INVALID_ARGUMENT", () => store.replace("t", one, two, date));
        await rejectsWith("INVALID_ARGUMENT", () => store.replace("new", undefined, two, date));
      }
      await assertLive(store, "t", one, clock.in(1000));
      await assertAbsent(store, "new");
    },
  },
  {
    name: "replace with data other than a Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const data of invalidData) {
        await rejectsWith("INVALID_ARGUMENT", () => store.replace("t", one, data, clock.in(2000)));
        await rejectsWith("INVALID_ARGUMENT", () => store.replace("new", undefined, data, clock.in(2000)));
      }
      await assertLive(store, "t", one, clock.in(1000));
      await assertAbsent(store, "new");
    },
  },
  {
    name: "replace with a previous other than undefined or a Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for (const previous of [null, "one", [...one], {}] as unknown as Uint8Array[]) {
        await rejectsWith("INVALID_ARGUMENT", () => store.replace("t", previous, two, clock.in(2000)));
        await rejectsWith("INVALID_ARGUMENT", () => store.replace("new", previous, two, clock.in(2000)));
      }
      await assertLive(store, "t", one, clock.in(1000));
      await assertAbsent(store, "new");
    },
  },
  {
    name: "no error of replace contains a token or session data",
    async run({ store }) {
      const secret = "hunter2-hunter2";
      const data = bytes(secret);
      const expiry = new Date(Number.NaN);
      const text = secret as unknown as Uint8Array;
      assertSecret(
        [
          await rejectsWith("INVALID_ARGUMENT", () => store.replace(secret, data, data, expiry)),
          await rejectsWith("INVALID_ARGUMENT", () => store.replace(secret, text, data, expiry)),
          await rejectsWith("INVALID_ARGUMENT", () => store.replace(secret, undefined, text, expiry)),
        ],
        secret,
      );
    },
  },
];
