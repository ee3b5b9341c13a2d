import { describe, expect, it } from "vitest";
import { keySlot } from "../src/cluster/key-slot.js";
import { SlotOwnership } from "../src/cluster/slot-ownership.js";
import { newPrefix } from "./backend.js";
import { drivers } from "./fixtures/clients.js";
import { hasServer } from "./fixtures/redis-server.js";
import { bytes, openStore, soon, succeeds, text, unavailable, until } from "./fixtures/stores.js";
import { useCluster } from "./fixtures/use-cluster.js";

/** Whether this is the long form, `npm run crash` in the root: a failover takes five seconds per driver. */
const isLong = process.env.SCS_TEST_KILLS !== undefined;
const newestDrivers = ["ioredis 6", "redis 6"] as const;
const cluster = useCluster({ "cluster-node-timeout": 2_000 });

/** Returns tokens whose keys are in one slot, and the slot. */
function inOneSlot(prefix: string, count: number): { tokens: string[]; slot: number } {
  const tokens = Array.from({ length: count }, (_, n) => `{${prefix}}${n}`);
  return { tokens, slot: keySlot(prefix + tokens[0]) };
}

describe.skipIf(!hasServer)("a cluster", () => {
  it("keySlot returns the slots of the specification", () => {
    expect(keySlot("123456789")).toBe(0x31c3);
    expect(keySlot("{user1000}.following")).toBe(keySlot("user1000"));
    expect(keySlot("foo{}{bar}")).not.toBe(keySlot("bar"));
    expect(keySlot("foo{{bar}}")).toBe(keySlot("{bar"));
    expect(keySlot("ä")).toBe(keySlot("{ä}x"));
  });

  // The store reads a server with few keys at once, and one with many keys slot by slot.
  it.each(drivers.map((driver, n) => [driver, n % 2 === 0 ? 100 : 3_000] as const))(
    "%s: the store answers every call while a slot moves, and entries returns each of %i records once",
    async (driver, count) => {
      const prefix = newPrefix();
      const { store } = await openStore(driver, cluster().ports, { prefix, timeoutMs: 60_000 });
      const { tokens, slot } = inOneSlot(prefix, 40);
      await Promise.all(tokens.map((token) => store.commit(token, bytes(token), soon())));
      const others = Array.from({ length: count }, (_, n) => `other ${n}`);
      await Promise.all(others.map((token) => store.commit(token, bytes(token), soon())));
      const [from] = (await cluster().serversOf(slot)) as [number];
      const to = (await cluster().primaries()).find((server) => server !== from) as number;
      let isHalfway = false;
      await cluster().moveSlots(from, to, [slot], async () => {
        isHalfway = true; // only the first key has moved
        const found = await Promise.all(tokens.map((token) => store.find(token)));
        expect(found.map((record) => text(record?.data))).toEqual(tokens);
        const changed = tokens.map((token) => store.replace(token, bytes(token), bytes(`${token}!`), soon()));
        expect(await Promise.all(changed)).toEqual(tokens.map(() => true));
        expect(await Promise.all(tokens.map((token) => store.touch(token, soon())))).toEqual(
          tokens.map(() => true),
        );
        await store.commit(`${tokens[0]} new`, bytes("new"), soon());
        const listed: string[] = [];
        for await (const { token } of store.entries()) listed.push(token);
        expect(listed.sort()).toEqual([...tokens, ...others, `${tokens[0]} new`].sort());
      });
      expect(isHalfway).toBe(true);
      const found = await Promise.all(tokens.map((token) => store.find(token)));
      expect(found.map((record) => text(record?.data))).toEqual(tokens.map((token) => `${token}!`));
      expect((await store.all()).size).toBe(tokens.length + others.length + 1);
      await Promise.all([...(await store.all()).keys()].map((token) => store.delete(token)));
    },
  );

  it("SlotOwnership reads the slots of a server from its line of CLUSTER NODES", () => {
    const line =
      "07c3 127.0.0.1:30004@31004,host myself,master - 0 0 4 connected 5 100-5460 16383 [101->-67ed] [7-<-292f]";
    const ownership = new SlotOwnership(line);
    const own = Array.from({ length: 16_384 }, (_, slot) => slot).filter((slot) => ownership.has(slot));
    const others = ownership.othersBetween(0, 16_384);
    expect(others.length + own.length).toBe(16_384);
    expect(others.some((slot) => ownership.has(slot))).toBe(false);
    expect(own).toEqual([5, 100, ...Array.from({ length: 5_359 }, (_, n) => 102 + n), 16_383]);
  });

  it.each(isLong ? drivers : newestDrivers)(
    "%s: the store leaves a frozen primary for its promoted replica",
    async (driver) => {
      const prefix = newPrefix();
      const { store } = await openStore(driver, cluster().ports, { prefix, timeoutMs: 60_000 });
      const { store: impatient } = await openStore(driver, cluster().ports, { prefix, timeoutMs: 1_000 });
      const { tokens, slot } = inOneSlot(prefix, 3);
      const [token] = tokens as [string];
      await store.commit(token, bytes("one"), soon());
      await until(() => succeeds(impatient.find(token)));
      const [primary, replica] = (await cluster().serversOf(slot)) as [number, number];
      await cluster().admins[primary]?.call("WAIT", "1", "0");
      cluster().servers[primary]?.signal("SIGSTOP");
      await expect(impatient.touch(token, soon())).rejects.toMatchObject(
        unavailable(/1000 ms|connection|cannot be reached/),
      );
      await cluster().until(replica, async (admin) => String(await admin.call("ROLE")).startsWith("master"));
      expect(text((await store.find(token))?.data)).toBe("one");
      expect(await store.replace(token, bytes("one"), bytes("two"), soon())).toBe(true);
      cluster().servers[primary]?.signal("SIGCONT");
      await cluster().settled();
      expect(text((await store.find(token))?.data)).toBe("two");
      await store.delete(token);
    },
  );

  it("the store rejects a write that too few replicas confirm", async () => {
    const { store } = await openStore("ioredis 6", cluster().ports, { waitReplicas: 2, timeoutMs: 400 });
    await until(() => succeeds(store.find("t")));
    await expect(store.commit("t", bytes("one"), soon())).rejects.toMatchObject(
      unavailable(/of 2 replicas|within 400 ms/),
    );
    const { store: modest } = await openStore("redis 5", cluster().ports, {
      waitReplicas: 1,
      timeoutMs: 60_000,
    });
    await modest.commit("t", bytes("one"), soon());
    expect(await modest.replace("t", bytes("one"), bytes("two"), soon())).toBe(true);
    expect(await modest.replace("t", bytes("one"), bytes("three"), soon())).toBe(false);
    expect(await modest.touch("t", soon())).toBe(true);
    await modest.delete("t");
  });

  it("an error tells the user of a client of one server to pass a client of the cluster", async () => {
    const [port] = cluster().ports as [number];
    const { store } = await openStore("redis 5", port);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) => store.commit(`t${n}`, bytes("x"), soon())),
    );
    expect(outcomes.find(({ status }) => status === "rejected")).toMatchObject({
      reason: unavailable(/part of a cluster/),
    });
  });
});
