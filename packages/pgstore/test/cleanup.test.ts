import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { PgStore } from "../src/index.js";
import { useServer } from "./fixtures/server.js";
import { appPool, bytes, lockRow, openStore, soon, until } from "./fixtures/stores.js";

const one = bytes("one");
useServer();

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Fills a table with expired rows, and as many live ones. */
async function filled(count: number) {
  const opened = await openStore();
  await opened.sql(
    `INSERT INTO ${opened.table} SELECT n || state, 'x', now() + offset_ FROM generate_series(1, $1::int) n,
      (VALUES ('gone', interval '-1 hour'), ('live', interval '1 hour')) states(state, offset_)`,
    [count],
  );
  const count_ = async (state: string): Promise<number> => {
    const [row] = await opened.sql<{ count: string }>(
      `SELECT count(*) FROM ${opened.table} WHERE token LIKE '%' || $1`,
      [state],
    );
    return Number(row?.count);
  };
  return { ...opened, count: count_ };
}

it("cleans up every five minutes by default, until stopped", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const store = new PgStore(appPool());
  onTestFinished(() => store[Symbol.asyncDispose]());
  expect(vi.getTimerCount()).toBe(1);
  const deleteExpired = vi.spyOn(store, "deleteExpired").mockResolvedValue(0);
  await vi.advanceTimersByTimeAsync(299_999);
  expect(deleteExpired).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(30_001);
  expect(deleteExpired).toHaveBeenCalledOnce();
  await store.stopCleanup();
  expect(vi.getTimerCount()).toBe(0);
});

it("removes only expired rows, in batches", async () => {
  const { store, count } = await filled(3000);
  const left = new Set<number>();
  let isOver = false;
  const watching = (async () => {
    while (!isOver) left.add(await count("gone"));
  })();
  expect(await store.deleteExpired()).toBe(3000);
  isOver = true;
  await watching;
  expect(left.size).toBeGreaterThan(2);
  expect([await count("gone"), await count("live")]).toEqual([0, 3000]);
});

it("uses large batches even when the server is far away", async () => {
  const { store } = await filled(400);
  let ms = 0;
  const looks = vi.spyOn(performance, "now").mockImplementation(() => (ms += 30));
  expect(await store.deleteExpired()).toBe(400);
  expect(looks.mock.calls.length).toBeLessThan(100); // a few per batch
});

it("removes more rows with one expiry than fit into a batch", async () => {
  const { store, sql, table } = await openStore();
  await sql(
    `INSERT INTO ${table} SELECT 't' || n, 'x', '2020-01-01T00:00:00.000001Z' FROM generate_series(1, 2500) n`,
  );
  expect(await store.deleteExpired()).toBe(2500);
});

describe("concurrent cleanups", () => {
  it("take turns: while one runs, another does nothing", async () => {
    const { store, schema, table, sql } = await filled(10);
    await sql(`CREATE FUNCTION "${schema}".wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM pg_advisory_xact_lock(42); RETURN OLD; END $$`);
    await sql(
      `CREATE TRIGGER wait BEFORE DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION "${schema}".wait()`,
    );
    const holder = await appPool().connect();
    await holder.query("SELECT pg_advisory_lock(42)");
    const other = new PgStore(appPool(), { schema, cleanupIntervalMs: 0 });
    const sweeping = store.deleteExpired();
    await until(async () => {
      const waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND query LIKE '%removed%'";
      return (await sql(waiting)).length > 0;
    });
    expect(await other.deleteExpired()).toBe(0);
    await holder.query("SELECT pg_advisory_unlock(42)");
    holder.release();
    expect(await sweeping).toBe(10);
  });

  it("count every removed row once", async () => {
    const { store, schema, count } = await filled(2000);
    const others = Array.from({ length: 3 }, () => new PgStore(appPool(), { schema, cleanupIntervalMs: 0 }));
    const removed = await Promise.all([store, ...others].map((each) => each.deleteExpired()));
    const rest = await store.deleteExpired();
    expect(removed.reduce((sum, each) => sum + each, rest)).toBe(2000);
    expect(await count("live")).toBe(2000);
  });

  it("of different tables do not wait for each other", async () => {
    const first = await filled(50);
    const second = await filled(50);
    const both = [first.store.deleteExpired(), second.store.deleteExpired()];
    expect(await Promise.all(both)).toEqual([50, 50]);
  });
});

it("skips rows that others have locked, and never removes one that they renew", async () => {
  const { store, table, count, sql } = await filled(20);
  const release = await lockRow(table, "7gone");
  expect(await store.deleteExpired()).toBe(19);
  await release();
  await sql(`UPDATE ${table} SET expiry = now() + interval '1 hour' WHERE token = '7gone'`);
  expect(await store.deleteExpired()).toBe(0);
  expect(await count("gone")).toBe(1);
});

it("reports a failed cleanup, and runs the next one", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const codes: string[] = [];
  const pool = {
    ...appPool(),
    connect: () => Promise.reject(new Error("no")),
    on: () => 0,
    removeListener: () => 0,
  };
  const store = new PgStore(pool, { cleanupIntervalMs: 1000, onError: ({ code }) => codes.push(code) });
  onTestFinished(() => store[Symbol.asyncDispose]());
  for (const count of [1, 2]) {
    vi.advanceTimersByTime(1100);
    await vi.waitFor(() => expect(codes).toHaveLength(count));
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
  }
  expect(codes).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
});

describe("disposal", () => {
  it("stops a cleanup in progress", async () => {
    const { store, count } = await filled(500);
    const removing = store.deleteExpired();
    await store[Symbol.asyncDispose]();
    const removed = await removing;
    expect(removed).toBeLessThan(500);
    expect(await count("gone")).toBe(500 - removed);
  });

  it("makes an iteration in progress reject instead of ending early", async () => {
    const { store } = await filled(1500);
    const walk = store.entries();
    await walk.next();
    await store[Symbol.asyncDispose]();
    const rest = (async () => {
      while (!(await walk.next()).done);
    })();
    await expect(rest).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("leaves the pool open, with all connections returned", async () => {
    const pool = appPool();
    const { store } = await openStore({ pool });
    const calls = Array.from({ length: 200 }, (_, n) => store.commit(`t${n}`, one, soon()));
    await Promise.all([...calls, store.all(), store[Symbol.asyncDispose]()]);
    expect([pool.ending, pool.idleCount, pool.waitingCount]).toEqual([false, pool.totalCount, 0]);
    expect((await pool.query("SELECT 1 AS one")).rows).toEqual([{ one: 1 }]);
  });
});

describe("an iteration", () => {
  it("returns each record once, in pages limited by rows and bytes", async () => {
    const { store, sql, table } = await openStore();
    await sql(`INSERT INTO ${table} SELECT 'a' || n, 'x', 'infinity' FROM generate_series(1, 1200) n`);
    await sql(
      `INSERT INTO ${table} SELECT 'b' || n, decode(repeat('00', 700000), 'hex'), 'infinity' FROM generate_series(0, 7) n`,
    );
    const seen: string[] = [];
    for await (const { token } of store.entries()) {
      // The page with the first large record ends early; the next page sees the change.
      if (token === "b0") await sql(`DELETE FROM ${table} WHERE token > 'b1'`);
      seen.push(token);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((token) => token.startsWith("a"))).toHaveLength(1200);
    expect(seen.slice(1200)).toEqual(["b0", "b1"]);
  });

  it("by all reads a snapshot of one instant", async () => {
    const { store, sql, table } = await openStore();
    await sql(`INSERT INTO ${table} SELECT 't' || n, '0', 'infinity' FROM generate_series(1000, 4000) n`);
    let isOver = false;
    const changing = (async () => {
      for (let n = 1; !isOver; n++)
        await sql(`UPDATE ${table} SET data = $1 WHERE token IN ('t1000', 't4000')`, [`${n}`]);
    })();
    for (let round = 0; round < 5; round++) {
      const all = await store.all();
      expect(all.size).toBe(3001);
      expect(all.get("t1000")).toEqual(all.get("t4000"));
    }
    isOver = true;
    await changing;
    expect(
      await sql(
        "SELECT 1 FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%' || $1 || '%'",
        [table],
      ),
    ).toEqual([]);
  });
});
