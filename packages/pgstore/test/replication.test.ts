import type pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { type PgPool, PgStore } from "../src/index.js";
import type { Cluster } from "./fixtures/cluster.js";
import { useCluster } from "./fixtures/server.js";
import { appPool, bytes, openStore, outcomes, soon, text, unavailable, until } from "./fixtures/stores.js";

const one = bytes("one");
const primary = useCluster();

/** A pool that the app wrote itself: it takes connections from the current primary. */
function movable(first: pg.Pool): PgPool & { moveTo(pool: pg.Pool): void } {
  let current = first;
  return {
    connect: () => current.connect(),
    on: (event, listener) => first.on(event, listener),
    removeListener: (event, listener) => first.removeListener(event, listener),
    moveTo: (pool) => {
      current = pool;
    },
  };
}

/** Makes the primary acknowledge a write only when the standby has flushed it. */
async function replicateSynchronously(sql: (text: string) => Promise<object[]>): Promise<void> {
  await sql("ALTER SYSTEM SET synchronous_standby_names = '*'");
  await sql("SELECT pg_reload_conf()");
  await until(
    async () => (await sql("SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'")).length > 0,
  );
}

it("keeps every acknowledged session when the primary is killed and the standby promoted, and continues to work", {
  timeout: 120_000,
}, async () => {
  const standby: Cluster = await primary().standby();
  onTestFinished(() => standby.remove());
  const pool = movable(appPool({ connectionString: primary().url }));
  const { store, schema, sql } = await openStore({ pool: pool as unknown as pg.Pool });
  await replicateSynchronously(sql);

  const replicaPool = appPool({ connectionString: standby.url });
  const replica = new PgStore(replicaPool, { schema, cleanupIntervalMs: 0 });
  await store.commit("t", one, soon());
  await until(async () => typeof (await outcomes([replica.find("t")]))[0] === "object"); // the standby applies changes with a delay
  expect((await replica.find("t"))?.data).toEqual(one);
  expect([...(await replica.all()).keys()]).toEqual(["t"]);
  await expect(replica.commit("t", one, soon())).rejects.toMatchObject(
    unavailable(/read-only, probably a replica/),
  );
  await expect(replica.deleteExpired()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await replica.createTable(); // the table exists

  const acknowledged = new Map<string, number>();
  let hasFailed = false;
  let isOver = false;
  const lane = async (token: string): Promise<void> => {
    let last: Uint8Array | undefined;
    for (let n = 0; !isOver; n++) {
      try {
        if (last === undefined) await store.commit(token, bytes(`${n}`), soon());
        else expect(await store.replace(token, last, bytes(`${n}`), soon())).toBe(true);
        acknowledged.set(token, n);
        last = bytes(`${n}`);
      } catch (error) {
        expect(error).toMatchObject({ code: "UNAVAILABLE" });
        hasFailed = true;
        last = undefined;
        await new Promise(setImmediate);
      }
    }
  };
  const lanes = Array.from({ length: 16 }, (_, n) => lane(`t${n}`));
  await until(async () => acknowledged.size === 16 && [...acknowledged.values()].every((n) => n > 20));
  await primary().crash();
  await until(async () => hasFailed);
  const before = new Map(acknowledged);
  await standby.promote();
  for (const [token, n] of before)
    expect(
      Number(text((await replica.find(token))?.data)),
      "an acknowledged write is lost",
    ).toBeGreaterThanOrEqual(n);
  pool.moveTo(replicaPool);
  await until(async () => [...before].every(([token, n]) => (acknowledged.get(token) ?? 0) > n));
  isOver = true;
  await Promise.all(lanes);
  for (const [token, n] of acknowledged) expect(text((await store.find(token))?.data)).toBe(`${n}`);
  expect(await store.deleteExpired()).toBe(0);
});
