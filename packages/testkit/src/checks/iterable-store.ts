import assert from "node:assert/strict";
import type { IterableStore, SessionEntry } from "@scs/core";
import type { Check } from "../check.js";
import { assertLive, assertThat, bytes, sameBytes } from "../expectations.js";
import { LONG_LIMIT_MS } from "../time-limit.js";
import { hostileTokens } from "../tokens.js";
import { iterableOwnClockChecks } from "./own-clock.js";

const one: Uint8Array = bytes("one");
const two: Uint8Array = bytes("two");

async function entriesOf(store: IterableStore): Promise<SessionEntry[]> {
  const entries: SessionEntry[] = [];
  for await (const entry of store.entries()) entries.push(entry);
  return entries.sort((a, b) => (a.token < b.token ? -1 : 1));
}

async function commitMany(store: IterableStore, count: number, expiry: Date): Promise<string[]> {
  const tokens = Array.from({ length: count }, (_, n) => `t${String(n).padStart(5, "0")}`);
  // In groups: on a busy machine, the last of thousands of concurrent calls would exceed its timeout.
  for (let start = 0; start < count; start += 100) {
    const some = tokens.slice(start, start + 100);
    await Promise.all(some.map((token) => store.commit(token, bytes(token), expiry)));
  }
  return tokens;
}

const wellFormedTokens = [...new Set(Object.values(hostileTokens).flat())] as string[];

/** The sentences about `entries` and `all`, in addition to {@link storeChecks}. */
export const iterableStoreChecks: readonly Check<IterableStore>[] = [
  {
    name: "entries of an empty store yields nothing",
    async run({ store }) {
      assert.deepEqual(await entriesOf(store), []);
    },
  },
  {
    name: "all of an empty store returns an empty map",
    async run({ store }) {
      const all = await store.all();
      assertThat(all instanceof Map, "all does not return a Map");
      assert.equal(all.size, 0);
    },
  },
  {
    name: "entries yields the token, data and expiry of each live record",
    async run({ store, clock }) {
      await store.commit("t1", one, clock.in(1000));
      await store.commit("t2", two, clock.in(2000));
      const [first, second, ...more] = await entriesOf(store);
      assertThat(
        first !== undefined && second !== undefined && more.length === 0,
        "entries does not yield each record once",
      );
      assert.deepEqual([first.token, second.token], ["t1", "t2"]);
      sameBytes(first.data, one);
      sameBytes(second.data, two);
      assert.deepEqual([first.expiry, second.expiry], [clock.in(1000), clock.in(2000)]);
    },
  },
  {
    name: "all returns the token and data of each live record",
    async run({ store, clock }) {
      await store.commit("t1", one, clock.in(1000));
      await store.commit("t2", two, clock.in(2000));
      const all = await store.all();
      assert.deepEqual([...all.keys()].sort(), ["t1", "t2"]);
      sameBytes(all.get("t1"), one);
      sameBytes(all.get("t2"), two);
    },
  },
  {
    name: "entries omits a record from the instant of its expiry",
    async run({ store, clock }) {
      await store.commit("t1", one, clock.in(1000));
      await store.commit("t2", two, clock.in(1001));
      clock.advance(999);
      assert.deepEqual(
        (await entriesOf(store)).map(({ token }) => token),
        ["t1", "t2"],
      );
      clock.advance(1);
      assert.deepEqual(
        (await entriesOf(store)).map(({ token }) => token),
        ["t2"],
      );
    },
  },
  {
    name: "all omits a record from the instant of its expiry",
    async run({ store, clock }) {
      await store.commit("t1", one, clock.in(1000));
      await store.commit("t2", two, clock.in(1001));
      clock.advance(999);
      assert.equal((await store.all()).size, 2);
      clock.advance(1);
      assert.deepEqual([...(await store.all()).keys()], ["t2"]);
    },
  },
  {
    name: "entries and all omit deleted records",
    async run({ store, clock }) {
      await store.commit("t1", one, clock.in(1000));
      await store.commit("t2", two, clock.in(1000));
      await store.delete("t1");
      assert.deepEqual(
        (await entriesOf(store)).map(({ token }) => token),
        ["t2"],
      );
      assert.deepEqual([...(await store.all()).keys()], ["t2"]);
    },
  },
  {
    name: "entries and all return every token exactly as committed",
    async run({ store, clock }) {
      for (const token of wellFormedTokens) await store.commit(token, bytes(token), clock.in(1000));
      const expected = wellFormedTokens.toSorted();
      const entries = await entriesOf(store);
      assert.deepEqual(entries.map(({ token }) => token).sort(), expected);
      for (const { token, data } of entries) sameBytes(data, bytes(token));
      const all = await store.all();
      assert.deepEqual([...all.keys()].sort(), expected);
      for (const [token, data] of all) sameBytes(data, bytes(token));
    },
  },
  {
    name: "changing an entry of entries changes no record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      for await (const { data, expiry } of store.entries()) {
        data.fill(0);
        expiry.setTime(0);
      }
      await assertLive(store, "t", one, clock.in(1000));
    },
  },
  {
    name: "changing the map returned by all changes no record",
    async run({ store, clock }) {
      await store.commit("t", one, clock.in(1000));
      const all = await store.all();
      all.get("t")?.fill(0);
      all.delete("t");
      await assertLive(store, "t", one, clock.in(1000));
      sameBytes((await store.all()).get("t"), one);
    },
  },
  {
    name: "entries yields each of 3,000 records exactly once",
    limitMs: LONG_LIMIT_MS,
    async run({ store, clock }) {
      const tokens = await commitMany(store, 3000, clock.in(1000));
      const entries = await entriesOf(store);
      assert.deepEqual(
        entries.map(({ token }) => token),
        tokens,
      );
      for (const { token, data } of entries) sameBytes(data, bytes(token));
    },
  },
  {
    name: "all returns each of 3,000 records",
    limitMs: LONG_LIMIT_MS,
    async run({ store, clock }) {
      const tokens = await commitMany(store, 3000, clock.in(1000));
      const all = await store.all();
      assert.deepEqual([...all.keys()].sort(), tokens);
      for (const [token, data] of all) sameBytes(data, bytes(token));
    },
  },
  {
    name: "entries yields each continuously live record exactly once during commits, overwrites and deletes",
    limitMs: LONG_LIMIT_MS,
    async run({ store, clock }) {
      const tokens = await commitMany(store, 400, clock.in(1000));
      for (let n = 0; n < 100; n++) await store.commit(`gone${n}`, one, clock.in(1000));
      const seen: string[] = [];
      const writes: Promise<void>[] = [];
      for await (const { token } of store.entries()) {
        if (token.startsWith("t")) seen.push(token);
        const n = seen.length;
        writes.push(
          store.commit(`new${n}`, two, clock.in(1000)),
          store.commit(tokens[(n * 7) % 400] as string, two, clock.in(2000)),
          store.commit(token.startsWith("t") ? token : "new0", two, clock.in(1500)),
          store.delete(`gone${n % 100}`),
        );
        if (n % 10 === 0) await Promise.all(writes.splice(0));
        assertThat(n <= 400, "entries yields a record twice");
        if (seen.length === 400) break; // the added records must not prolong the iteration
      }
      await Promise.all(writes);
      assert.deepEqual(seen.sort(), tokens);
    },
  },
  {
    name: "entries yields each record exactly once during finds",
    limitMs: LONG_LIMIT_MS,
    async run({ store, clock }) {
      const tokens = await commitMany(store, 200, clock.in(1000));
      const seen: string[] = [];
      for await (const { token } of store.entries()) {
        seen.push(token);
        assertThat(seen.length <= 200, "entries yields a record twice");
        await Promise.all([store.find(token), store.find(tokens[(seen.length * 7) % 200] as string)]);
      }
      assert.deepEqual(seen.sort(), tokens);
    },
  },
  {
    name: "two concurrent iterations of entries do not disturb each other",
    async run({ store, clock }) {
      const tokens = await commitMany(store, 200, clock.in(1000));
      const [first, second] = await Promise.all([entriesOf(store), entriesOf(store)]);
      assert.deepEqual(
        first.map(({ token }) => token),
        tokens,
      );
      assert.deepEqual(
        second.map(({ token }) => token),
        tokens,
      );
    },
  },
  {
    name: "a store works after an iteration of entries ended early",
    async run({ store, clock }) {
      const tokens = await commitMany(store, 200, clock.in(1000));
      for await (const { token } of store.entries()) {
        assertThat(tokens.includes(token), "entries yields a token that was never committed");
        break;
      }
      await store.commit("t00000", two, clock.in(1000));
      await assertLive(store, "t00000", two);
      assert.equal((await entriesOf(store)).length, 200);
    },
  },
  {
    name: "entries and all return records committed by another client",
    async run({ store, clock, another }) {
      const other = await another();
      await store.commit("t", one, clock.in(1000));
      assert.deepEqual(
        (await entriesOf(other)).map(({ token }) => token),
        ["t"],
      );
      sameBytes((await other.all()).get("t"), one);
    },
  },
  ...iterableOwnClockChecks,
];
