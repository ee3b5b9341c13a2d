import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import type { ExpiringStore } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, bytes } from "../expectations.js";
import { expiringOwnClockChecks } from "./own-clock.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

/** Time after which a background cleanup with an interval of 1 ms counts as not running. */
const MAX_CLEANUP_MS = 500;

/** The sentences about `deleteExpired` and the background cleanup, in addition to {@link storeChecks}. */
export const expiringStoreChecks: readonly Check<ExpiringStore>[] = [
  {
    name: "deleteExpired of a store in which nothing has expired gives 0",
    async run({ store, clock }) {
      assert.equal(await store.deleteExpired(), 0);
      await store.commit("t", one, clock.in(1000));
      clock.advance(999);
      assert.equal(await store.deleteExpired(), 0);
    },
  },
  {
    name: "deleteExpired leaves every live record as it is",
    async run({ store, clock }) {
      for (let n = 1; n <= 10; n++) await store.commit(`t${n}`, bytes(`${n}`), clock.in(n * 100));
      const expiries = Array.from({ length: 11 }, (_, n) => clock.in(n * 100));
      clock.advance(500);
      await store.deleteExpired();
      for (let n = 6; n <= 10; n++) await assertLive(store, `t${n}`, bytes(`${n}`), expiries[n]);
    },
  },
  {
    name: "deleteExpired removes a record at the very instant it expires",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      clock.advance(1000);
      assert.equal(await store.deleteExpired(), 1);
      await assertAbsent(store, "t");
    },
  },
  {
    name: "deleteExpired gives how many records it removed",
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
    name: "what two clients remove by deleteExpired at once is counted once",
    async run({ store, clock, another }) {
      const other = await another();
      await Promise.all(Array.from({ length: 300 }, (_, n) => store.commit(`t${n}`, one, clock.in(1000))));
      clock.advance(1000);
      const [mine, others] = await Promise.all([store.deleteExpired(), other.deleteExpired()]);
      assert.equal(mine + others + (await store.deleteExpired()), 300);
    },
  },
  {
    name: "deleteExpired never removes a record that is renewed while it runs",
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
    name: "other calls go on while deleteExpired runs",
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
    name: "the background cleanup removes what has expired",
    async run({ open, clock }) {
      // A run may fail before the backend is ready, for example if the table is created after the store.
      const store = await open({ cleanupIntervalMs: 1, onError: () => undefined });
      for (let ms = 1; ; ms *= 2) {
        await store.commit("t", one, clock.in(1000));
        clock.advance(1000);
        await setTimeout(ms); // longer each time, for busy machines
        if ((await store.deleteExpired()) === 0) return;
        if (ms > MAX_CLEANUP_MS)
          assert.fail(`an expired record is still kept ${ms} ms later, at an interval of 1 ms`);
      }
    },
  },
  {
    name: "stopCleanup may be called again, and at once",
    async run({ open }) {
      const store = await open({ cleanupIntervalMs: 60_000 });
      await Promise.all([store.stopCleanup(), store.stopCleanup()]);
      assert.equal(await store.stopCleanup(), undefined);
    },
  },
  {
    name: "a store works on after stopCleanup",
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
    name: "a cleanupIntervalMs that no timer can keep is refused when the store is opened",
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
          `cleanupIntervalMs: ${String(cleanupIntervalMs)} is taken`,
        );
      }
      await open({ cleanupIntervalMs: 2 ** 31 - 1 });
    },
  },
  {
    name: "the background cleanup never keeps the process alive",
    run: ({ inProcess }) => inProcess("ends by itself"),
  },
  {
    name: "a store that the app has dropped is collected",
    run: ({ inProcess }) => inProcess("is collected"),
  },
  {
    name: "a store that the app has dropped is collected though its onError refers to it",
    run: ({ inProcess }) => inProcess("is collected while onError refers to it"),
  },
  ...expiringOwnClockChecks,
];
