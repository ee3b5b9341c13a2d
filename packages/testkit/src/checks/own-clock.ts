import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { AtomicStore, ExpiringStore, FullStore, IterableStore, Store, TouchableStore } from "@scs/core";
import type { Check } from "../check.js";
import { assertAbsent, assertLive, assertThat, bytes } from "../expectations.js";

// All other checks pass a clock to the store. These do not, so that the store uses its own, as in an app: the clock of
// the process or of the backend. They use times far from the present, and wait only for records that live for some
// milliseconds.

const one: Uint8Array = bytes("one session");
const two: Uint8Array = bytes("another session");

/** Less than the 15 minutes between two time zones; more than the difference of two synchronized clocks. */
const FAR_MS = 300_000;
const SHORT_MS = 20;
/** Maximum time that the clock of a remote backend may be behind the clock of this process. */
const MAX_SKEW_MS = 1000;

const inMs = (ms: number): Date => new Date(Date.now() + ms);

/** Commits a record that lives for some milliseconds, and waits until it has expired. */
async function commitAndOutlive(store: Store, token: string): Promise<void> {
  const expiry = inMs(SHORT_MS);
  await store.commit(token, one, expiry);
  await outlive(store, token, expiry);
}

/** Waits until a record has expired. A correct store passes even if the machine pauses. */
async function outlive(store: Store, token: string, expiry: Date): Promise<void> {
  for (;;) {
    const past = Date.now() - expiry.getTime();
    if ((await store.find(token)) === undefined) {
      if (past > 0) return; // other checks test the exact instant
    } else assertThat(past <= MAX_SKEW_MS, `the record is still live ${MAX_SKEW_MS} ms after its expiry`);
    await setImmediate();
  }
}

export const ownClockChecks: readonly Check<Store>[] = [
  {
    name: "without a clock option, find returns data and expiry of a record that lives for minutes",
    withoutOptions: true,
    async run({ store }) {
      const expiry = inMs(FAR_MS);
      await store.commit("t", one, expiry);
      await assertLive(store, "t", one, expiry);
    },
  },
  {
    name: "without a clock option, find returns undefined for a record that expired minutes ago",
    withoutOptions: true,
    async run({ store }) {
      await store.commit("t", one, inMs(-FAR_MS));
      await assertAbsent(store, "t");
    },
  },
  {
    name: "without a clock option, a record that lives for milliseconds expires by itself",
    withoutOptions: true,
    run: ({ store }) => commitAndOutlive(store, "t"),
  },
];

export const atomicOwnClockChecks: readonly Check<AtomicStore>[] = [
  {
    name: "without a clock option, replace sees live records and no expired ones",
    withoutOptions: true,
    async run({ store }) {
      await store.commit("t", one, inMs(FAR_MS));
      assert.equal(await store.replace("t", one, two, inMs(FAR_MS)), true);
      assert.equal(await store.replace("t", undefined, one, inMs(FAR_MS)), false);
      await commitAndOutlive(store, "t");
      assert.equal(await store.replace("t", one, two, inMs(FAR_MS)), false);
      assert.equal(await store.replace("t", undefined, two, inMs(FAR_MS)), true);
      await assertLive(store, "t", two);
    },
  },
];

export const touchableOwnClockChecks: readonly Check<TouchableStore>[] = [
  {
    name: "without a clock option, touch sees live records and no expired ones",
    withoutOptions: true,
    async run({ store }) {
      await store.commit("t", one, inMs(FAR_MS));
      const expiry = inMs(2 * FAR_MS);
      assert.equal(await store.touch("t", expiry), true);
      await assertLive(store, "t", one, expiry);
      const soon = inMs(SHORT_MS);
      assert.equal(await store.touch("t", soon), true);
      await outlive(store, "t", soon);
      assert.equal(await store.touch("t", inMs(FAR_MS)), false);
      await assertAbsent(store, "t");
    },
  },
];

export const iterableOwnClockChecks: readonly Check<IterableStore>[] = [
  {
    name: "without a clock option, entries and all return live records and no expired ones",
    withoutOptions: true,
    async run({ store }) {
      await store.commit("live", one, inMs(FAR_MS));
      await store.commit("ended", one, inMs(-FAR_MS));
      await commitAndOutlive(store, "short");
      const listed: string[] = [];
      for await (const { token } of store.entries()) listed.push(token);
      assert.deepEqual(listed, ["live"]);
      assert.deepEqual([...(await store.all()).keys()], ["live"]);
    },
  },
];

export const expiringOwnClockChecks: readonly Check<ExpiringStore>[] = [
  {
    name: "without a clock option, deleteExpired removes no live record",
    withoutOptions: true,
    async run({ store }) {
      await store.commit("live", one, inMs(FAR_MS));
      await commitAndOutlive(store, "short");
      const removed = await store.deleteExpired();
      assertThat(removed <= 1, `deleteExpired returned ${removed}; one record had expired`); // 0: the backend removed it itself
      await assertLive(store, "live", one);
      await assertAbsent(store, "short");
      assert.equal(await store.deleteExpired(), 0);
    },
  },
];

export const durableOwnClockChecks: readonly Check<FullStore>[] = [
  {
    name: "without a clock option, a live record survives a crash, and no expired one comes back",
    withoutOptions: true,
    async run({ store, reopen }) {
      const [expiry, soon] = [inMs(FAR_MS), inMs(SHORT_MS)];
      await store.commit("live", one, expiry);
      await store.commit("short", one, soon);
      const again = await reopen();
      await assertLive(again, "live", one, expiry);
      await outlive(again, "short", soon);
    },
  },
];
