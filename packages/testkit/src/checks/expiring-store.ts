import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { ExpiringStore } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, bytes } from "../expectations.js";
import { LONG_LIMIT_MS } from "../time-limit.js";
import { expiringOwnClockChecks } from "./own-clock.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** Time after which a background cleanup with an interval of 1 ms counts as not running. */
const MAX_CLEANUP_MS = 500;

/** The sentences about `deleteExpired` and the background cleanup, in addition to {@link storeChecks}. */
export const expiringStoreChecks: readonly Check<ExpiringStore>[] = [
  {
    name: "deleteExpired returns 0 if no record has expired",
    async run({ store, clock }) {
      assert.equal(await store.deleteExpired(), 0);
      await store.commit("t", one, clock.in(1000));
      clock.advance(999);
      assert.equal(await store.deleteExpired(), 0);
    },
  },
  {
    name: "deleteExpired changes no live record",
    async run({ store, clock }) {
      for (let n = 1; n <= 10; n++) await store.commit(`t${n}`, bytes(`${n}`), clock.in(n * 100));
      const expiries = Array.from({ length: 11 }, (_, n) => clock.in(n * 100));
      clock.advance(500);
      await store.deleteExpired();
      for (let n = 6; n <= 10; n++) await assertLive(store, `t${n}`, bytes(`${n}`), expiries[n]);
    },
  },
  {
    name: "deleteExpired removes a record from the instant of its expiry",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1000);
      assert.equal(await store.deleteExpired(), 1);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "deleteExpired returns the number of removed records",
    limitMs: LONG_LIMIT_MS,
    async run({ store, clock }) {
      for (let n = 0; n < 300; n++) await store.commit(`t${n}`, one, clock.in(n < 200 ? 1000 : 2000));
      clock.advance(1500);
      assert.equal(await store.deleteExpired(), 200);
      assert.equal(await store.deleteExpired(), 0);
      clock.advance(500);
      assert.equal(await store.deleteExpired(), 100);
    },
  },
  {
    name: "concurrent deleteExpired calls of two clients count each record once",
    async run({ store, clock, another }) {
      const other = await another();
      await Promise.all(Array.from({ length: 300 }, (_, n) => store.commit(`t${n}`, one, clock.in(1000))));
      clock.advance(1000);
      const [mine, others] = await Promise.all([store.deleteExpired(), other.deleteExpired()]);
      assert.equal(mine + others + (await store.deleteExpired()), 300);
    },
  },
  {
    name: "deleteExpired never removes a record that commit renews meanwhile",
    async run({ store, clock, another }) {
      const other = await another();
      const tokens = Array.from({ length: 300 }, (_, n) => `t${n}`);
      await Promise.all(tokens.map((token) => store.commit(token, one, clock.in(1000))));
      clock.advance(1000);
      const running = store.deleteExpired();
      await Promise.all(tokens.map((token, n) => (n % 2 ? store : other).commit(token, two, clock.in(1000))));
      await running;
      for (const token of tokens) await assertLive(store, token, two);
    },
  },
  {
    name: "other calls work during deleteExpired",
    async run({ store, clock }) {
      await Promise.all(Array.from({ length: 300 }, (_, n) => store.commit(`t${n}`, one, clock.in(1000))));
      await store.commit("live", one, clock.in(5000));
      clock.advance(1000);
      const running = store.deleteExpired();
      await assertLive(store, "live", one);
      await store.commit("new", two, clock.in(1000));
      await store.delete("live");
      assert.equal(await running, 300);
      await assertAbsent(store, "live");
      await assertLive(store, "new", two);
    },
  },
  {
    name: "the background cleanup removes expired records",
    async run({ open, clock }) {
      // A run may fail before the backend is ready, for example if the table is created after the store.
      const store = await open({ cleanupIntervalMs: 1, onError: () => undefined });
      for (let ms = 1; ; ms *= 2) {
        await store.commit("t", one, clock.in(1000));
        clock.advance(1000);
        await setTimeout(ms); // longer each time, for busy machines
        if ((await store.deleteExpired()) === 0) return;
        if (ms > MAX_CLEANUP_MS)
          assert.fail(`an expired record is still there ${ms} ms later, at an interval of 1 ms`);
      }
    },
  },
  {
    name: "stopCleanup may be called repeatedly and concurrently",
    async run({ open }) {
      const store = await open({ cleanupIntervalMs: 60_000 });
      await Promise.all([store.stopCleanup(), store.stopCleanup()]);
      assert.equal(await store.stopCleanup(), undefined);
    },
  },
  {
    name: "a store works after stopCleanup",
    async run({ open, clock }) {
      const store = await open({ cleanupIntervalMs: 60_000 });
      await store.commit("t", one, clock.in(1000));
      await store.stopCleanup();
      await assertLive(store, "t", one);
      await store.commit("t2", two, clock.in(2000));
      clock.advance(1000);
      assert.equal(await store.deleteExpired(), 1);
      await assertLive(store, "t2", two);
    },
  },
  {
    name: "opening a store rejects a cleanupIntervalMs out of the range of timers",
    async run({ open }) {
      for (const cleanupIntervalMs of [
        -1,
        2 ** 31,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        0.5,
        "60000",
        null,
      ]) {
        await assert.rejects(
          async () => open({ cleanupIntervalMs: cleanupIntervalMs as number }),
          (error: unknown) => error instanceof RangeError || error instanceof TypeError,
          `cleanupIntervalMs: ${String(cleanupIntervalMs)} is accepted`,
        );
      }
      await open({ cleanupIntervalMs: 2 ** 31 - 1 });
    },
  },
  {
    name: "the background cleanup never keeps the process alive",
    limitMs: LONG_LIMIT_MS,
    run: ({ inProcess }) => inProcess("ends by itself"),
  },
  {
    name: "a dropped store is garbage-collected",
    limitMs: LONG_LIMIT_MS,
    run: ({ inProcess }) => inProcess("is collected"),
  },
  {
    name: "a dropped store is garbage-collected even if its onError refers to it",
    limitMs: LONG_LIMIT_MS,
    run: ({ inProcess }) => inProcess("is collected while onError refers to it"),
  },
  ...expiringOwnClockChecks,
];
