import { describe, expect, it, onTestFinished, vi } from "vitest";
import { PgStore } from "../src/index.js";
import { useCluster } from "./fixtures/server.js";
import {
  appPool,
  bytes,
  lockRow,
  openStore,
  outcomes,
  soon,
  text,
  unavailable,
  until,
  waiting,
} from "./fixtures/stores.js";

/** Matches the error of a call that has run out of time, without a driver's error as cause. */
const late = (message: RegExp): object => ({ code: "UNAVAILABLE", message: expect.stringMatching(message) });
const one = bytes("one");
const two = bytes("two");
const cluster = useCluster();

const terminateAll =
  "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = $1";

describe("a connection", () => {
  it("that the server ends while idle is reported, and replaced", async () => {
    const pool = appPool({ application_name: "idle" });
    const { store, errors, sql } = await openStore({ pool });
    await Promise.all([store.commit("t", one, soon()), store.find("u")]);
    await sql(terminateAll, ["idle"]);
    await until(async () => errors.length > 0);
    expect(errors[0]).toMatchObject(unavailable(/shutting down/));
    expect(text((await store.find("t"))?.data)).toBe("one");
    expect(pool.listenerCount("error")).toBe(2);
    await store[Symbol.asyncDispose]();
    expect(pool.listenerCount("error")).toBe(1);
  });

  it("that the server ends during a write rejects only that write", async () => {
    const pool = appPool({ application_name: "busy" });
    const { store, table, schema, sql } = await openStore({ pool });
    await store.commit("t", one, soon());
    const release = await lockRow(table, "t");
    const writing = store.commit("t", two, soon());
    const failing = expect(writing).rejects.toMatchObject(unavailable(/shutting down/));
    await waiting(sql, schema);
    expect(await outcomes([store.commit("u", one, soon())])).toEqual([undefined]); // by another connection
    await sql(terminateAll, ["busy"]);
    await failing;
    await release();
    expect(text((await store.find("t"))?.data)).toBe("one");
    await store.commit("t", two, soon());
  });

  it("that the app returned with an open transaction is not used for writes", async () => {
    const pool = appPool({ max: 1 });
    const { store, sql, table } = await openStore({ pool });
    const client = await pool.connect();
    await client.query("BEGIN");
    client.release();
    await store.commit("t", one, soon());
    expect(await sql(`SELECT token FROM ${table}`)).toEqual([{ token: "t" }]);
  });

  it("rejects within timeoutMs when the app holds every connection, and requests to the pool are bounded", async () => {
    const pool = appPool({ max: 1 });
    const { store, schema } = await openStore({ pool });
    await store.commit("t", one, soon());
    const impatient = new PgStore(pool, { schema, timeoutMs: 30, cleanupIntervalMs: 0 });
    const client = await pool.connect();
    for (let round = 0; round < 4; round++) {
      const calls = [
        impatient.find("t"),
        impatient.commit("t", two, soon()),
        impatient.touch("t", soon()),
        impatient.commit("u", two, soon()),
        impatient.all(),
        impatient.deleteExpired(),
        impatient.createTable(),
      ];
      expect(await outcomes(calls)).toEqual(Array(calls.length).fill("UNAVAILABLE"));
    }
    expect(pool.waitingCount).toBeLessThanOrEqual(8);
    await expect(impatient.find("t")).rejects.toMatchObject(late(/gave no connection within 30 ms/));
    client.release();
    expect(text((await store.find("t"))?.data)).toBe("one"); // the abandoned write was not sent
    await until(async () => pool.waitingCount === 0 && pool.idleCount === pool.totalCount);
  });

  it("carries all calls if it is the only free one", async () => {
    const pool = appPool({ max: 1 });
    const { store } = await openStore({ pool });
    const tokens = Array.from({ length: 300 }, (_, n) => `t${n}`);
    await Promise.all(
      tokens.flatMap((token) => [store.commit(token, bytes(token), soon()), store.touch(token, soon())]),
    );
    const found = await Promise.all(tokens.map((token) => store.find(token)));
    expect(found.map((record) => text(record?.data))).toEqual(tokens);
    expect((await store.all()).size).toBe(300);
  });

  it("from a pool that the app has ended makes the call reject", async () => {
    const pool = appPool();
    const { store } = await openStore({ pool });
    const ended = pool.end();
    Object.assign(pool, { end: async () => undefined });
    await expect(store.find("t")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await ended;
  });
});

describe("the server", () => {
  it("is restarted under load: every call settles, and every acknowledged write is there", {
    timeout: 60_000,
  }, async () => {
    const { store } = await openStore({ timeoutMs: 2000 });
    const acknowledged = new Map<string, string>();
    let isOver = false;
    const lane = async (token: string): Promise<void> => {
      for (let n = 0; !isOver; n++) {
        try {
          await store.commit(token, bytes(`${n}`), soon());
          acknowledged.set(token, `${n}`);
        } catch (error) {
          expect(error).toMatchObject({ code: "UNAVAILABLE" });
        }
      }
    };
    const lanes = Array.from({ length: 32 }, (_, n) => lane(`t${n}`));
    await until(async () => acknowledged.size === 32);
    await cluster().restart("immediate");
    const before = new Map(acknowledged);
    await until(async () => [...before].every(([token, n]) => acknowledged.get(token) !== n)); // the store writes again
    isOver = true;
    await Promise.all(lanes);
    for (const [token, n] of acknowledged)
      expect(Number(text((await store.find(token))?.data))).toBeGreaterThanOrEqual(Number(n));
  });

  it("is down: calls reject at once, and succeed as soon as it is up", { timeout: 60_000 }, async () => {
    const { store, errors } = await openStore();
    await store.commit("t", one, soon());
    await cluster().stop("fast");
    await until(async () => errors.length > 0);
    await expect(store.find("t")).rejects.toMatchObject(unavailable(/cannot be reached/));
    await expect(store.commit("t", two, soon())).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(store.entries().next()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await expect(store.deleteExpired()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await cluster().resume();
    expect(text((await store.find("t"))?.data)).toBe("one");
  });

  it("is frozen: calls reject within timeoutMs, and succeed when it continues", {
    timeout: 60_000,
  }, async (context) => {
    if (process.platform === "win32") return context.skip("Windows has no SIGSTOP");
    const { store, sql, schema, pool } = await openStore();
    await store.commit("t", one, soon());
    const impatient = new PgStore(pool, { schema, timeoutMs: 200, cleanupIntervalMs: 0 });
    const [row] = await sql<{ pids: number[] }>("SELECT array_agg(pid) AS pids FROM pg_stat_activity");
    const pids = [await cluster().pid(), ...(row?.pids ?? [])];
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    try {
      const calls = [
        impatient.find("t"),
        impatient.commit("u", one, soon()),
        impatient.commit("u", two, soon()),
        impatient.all(),
      ];
      expect(await outcomes(calls)).toEqual(Array(calls.length).fill("UNAVAILABLE"));
      await expect(impatient.find("t")).rejects.toMatchObject(late(/within 200 ms/));
    } finally {
      for (const pid of pids) process.kill(pid, "SIGCONT");
    }
    await until(async () => (await outcomes([impatient.find("t")]))[0] !== "UNAVAILABLE");
    expect(text((await store.find("t"))?.data)).toBe("one");
  });
});

describe("a statement", () => {
  it("that waits for a lock for too long rejects, and its connection is closed", async () => {
    const { store, table, sql, schema } = await openStore();
    await store.commit("t", one, soon());
    const pool = appPool();
    const impatient = new PgStore(pool, { schema, timeoutMs: 100, cleanupIntervalMs: 0 });
    await until(async () => (await outcomes([impatient.find("u")]))[0] === undefined); // it has a connection
    const release = await lockRow(table, "t");
    const closed = new Promise((resolve) => pool.once("remove", resolve));
    await expect(impatient.commit("t", two, soon())).rejects.toMatchObject(
      late(/no answer within 100 ms; whether a write under way takes effect is unknown/),
    );
    await closed;
    expect(text((await store.find("t"))?.data)).toBe("one");
    await store.commit("u", two, soon());
    await release();
    await until(async () => (await outcomes([store.commit("t", bytes("three"), soon())]))[0] === undefined);
    expect(text((await store.find("t"))?.data)).toBe("three");
    expect(await sql("SELECT 1 FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")).toEqual([]);
  });

  it.each([
    ["statement_timeout", /cancelled, perhaps by statement_timeout/],
    ["lock_timeout", /longer than lock_timeout/],
  ])("that %s ends is an error, and its connection is kept", async (setting, message) => {
    const { store: patient, table, schema } = await openStore();
    await patient.commit("t", one, soon());
    const pool = appPool({ max: 1, [setting]: 50 });
    const store = new PgStore(pool, { schema, cleanupIntervalMs: 0 });
    const closed: unknown[] = [];
    pool.on("remove", (client) => closed.push(client));
    await lockRow(table, "t");
    await expect(store.touch("t", soon())).rejects.toMatchObject(unavailable(message));
    await until(async () => (await outcomes([store.find("t")]))[0] !== "UNAVAILABLE"); // 50 ms may be too short
    expect(closed).toEqual([]);
  });

  it("rejects together with the call for the same session that it waits for", async () => {
    const { store, table, schema, pool } = await openStore();
    await store.commit("t", one, soon());
    await lockRow(table, "t");
    const impatient = new PgStore(pool, { schema, timeoutMs: 60, cleanupIntervalMs: 0 });
    const calls = Array.from({ length: 20 }, () => impatient.commit("t", two, soon()));
    expect(await outcomes([...calls, impatient.find("t")])).toEqual(Array(21).fill("UNAVAILABLE"));
  });

  it("that waits does not delay thousands of later calls beyond their own timeout", async () => {
    const { store, table, schema, sql } = await openStore();
    await store.commit("t", one, soon());
    const client = await appPool().connect();
    await client.query("BEGIN");
    await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const impatient = new PgStore(appPool({ max: 6 }), { schema, timeoutMs: 300, cleanupIntervalMs: 0 });
    const began = performance.now();
    const calls = Array.from({ length: 12_000 }, (_, n) => impatient.commit(`t${n}`, one, soon()));
    const others = outcomes([impatient.find("t"), impatient.deleteExpired(), impatient.all()]);
    const settled = await Promise.allSettled(calls);
    expect(await others).toEqual(Array(3).fill("UNAVAILABLE"));
    expect(performance.now() - began).toBeLessThan(5000); // round after round, 300 ms each, would take 9 s
    await client.query("ROLLBACK");
    client.release();
    await until(
      async () => (await sql("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).length === 0,
    );
    const written = await store.all();
    for (const [n, outcome] of settled.entries()) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "UNAVAILABLE" } });
      // Only statements that were already sent may take effect.
      const { message } = (outcome as PromiseRejectedResult).reason as Error;
      if (!/takes effect is unknown/.test(message)) expect(written.has(`t${n}`), message).toBe(false);
    }
  });

  it("is refused with an explanation when the queue is full", async () => {
    const { table, schema } = await openStore();
    const client = await appPool().connect();
    await client.query("BEGIN");
    await client.query(`LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
    const store = new PgStore(appPool({ max: 6 }), { schema, cleanupIntervalMs: 0 });
    const large = new Uint8Array(2 ** 20);
    const calls = Array.from({ length: 140 }, (_, n) => store.commit(`t${n}`, large, soon()));
    const ended = Promise.allSettled(calls); // some before the 130th may be refused as well
    for (const call of calls.slice(130))
      await expect(call).rejects.toMatchObject({
        code: "UNAVAILABLE",
        message: expect.stringMatching(/its limit/),
      });
    await client.query("ROLLBACK");
    client.release();
    await ended;
  });

  it("ends within timeoutMs under fake timers", async () => {
    const { store, table, schema } = await openStore();
    await store.commit("t", one, soon());
    await lockRow(table, "t");
    const impatient = new PgStore(appPool(), { schema, timeoutMs: 50, cleanupIntervalMs: 0 });
    const toFake = [
      "setTimeout",
      "clearTimeout",
      "setImmediate",
      "clearImmediate",
      "Date",
      "performance",
    ] as const;
    vi.useFakeTimers({ toFake: [...toFake, "queueMicrotask"] });
    onTestFinished(() => void vi.useRealTimers());
    expect(await outcomes([impatient.commit("t", two, soon())])).toEqual(["UNAVAILABLE"]);
    await Promise.all(Array.from({ length: 200 }, (_, n) => store.commit(`t${n}`, one, new Date(0))));
    expect(await store.deleteExpired()).toBe(200);
    for await (const { token } of store.entries()) expect(token).toBe("t");
  });
});
