import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { type PgQuery, PgStore } from "../src/index.js";
import { useServer } from "./fixtures/server.js";
import { appPool, bytes, lockRow, openStore, outcomes, soon, text, waiting } from "./fixtures/stores.js";
import { watched } from "./fixtures/watched-pool.js";

const one = bytes("one");
const two = bytes("two");
useServer();

async function openWatched() {
  const { schema, table, sql } = await openStore();
  const { pool, queries, inFlight } = watched(appPool({ max: 10 }));
  const store = new PgStore(pool, { schema, cleanupIntervalMs: 0 });
  await store.find("t"); // on first use, the store checks the table
  queries.length = 0;
  return { store, queries, inFlight, table, schema, sql };
}

const tokens = Array.from({ length: 64 }, (_, n) => `t${n}`);

it("sends calls in flight together in a few statements", async () => {
  const { store, queries } = await openWatched();
  const kinds: Record<string, (token: string) => Promise<unknown>> = {
    commit: (token) => store.commit(token, one, soon()),
    find: (token) => store.find(token),
    touch: (token) => store.touch(token, soon()),
    update: (token) => store.replace(token, one, two, soon()),
    insert: (token) => store.replace(token, undefined, two, soon()),
    delete: (token) => store.delete(token),
  };
  for (const [kind, call] of Object.entries(kinds)) {
    queries.length = 0;
    await Promise.all(tokens.map(call));
    // Usually two or three for 64 calls; a late connection may send the rest.
    expect(queries.length, kind).toBeLessThanOrEqual(6);
  }
});

it("sends a single call as a statement for one record, and finds of one session as one", async () => {
  const { store, queries } = await openWatched();
  await store.commit("t", one, soon());
  await Promise.all(Array.from({ length: 20 }, () => store.find("t")));
  expect(queries).toHaveLength(2);
  expect(queries.every(({ text }) => !/unnest|ANY/.test(text))).toBe(true);
});

it("has at most three reads and three writes in flight", async () => {
  const { store, inFlight } = await openWatched();
  const calls = Array.from({ length: 2000 }, (_, n) => [
    store.commit(`t${n}`, one, soon()),
    store.find(`u${n}`),
  ]);
  await Promise.all(calls.flat());
  expect(inFlight()).toBeLessThanOrEqual(6);
});

it("limits a batch in rows and bytes", async () => {
  const { store, queries } = await openWatched();
  await Promise.all(Array.from({ length: 1000 }, (_, n) => store.commit(`t${n}`, one, soon())));
  const rows = (query: PgQuery): number => Buffer.from(query.values?.[0] ?? "").readInt32BE(12);
  const counts = queries.filter(({ text }) => text.includes("unnest")).map(rows);
  expect(Math.max(...counts)).toBeLessThanOrEqual(128);
  expect(counts.length).toBeLessThan(40);
  queries.length = 0;
  const large = randomBytes(400_000);
  await Promise.all(Array.from({ length: 12 }, (_, n) => store.commit(`large${n}`, large, soon())));
  const bytesOf = (query: PgQuery): number =>
    (query.values ?? []).reduce((sum, { length }) => sum + length, 0);
  expect(Math.max(...queries.map(bytesOf))).toBeLessThan(1_100_000);
  await Promise.all(Array.from({ length: 12 }, (_, n) => store.find(`large${n}`)));
  queries.length = 0;
  const found = await Promise.all(Array.from({ length: 12 }, (_, n) => store.find(`large${n}`)));
  expect(queries.length).toBeGreaterThan(4); // after large records, it asks for fewer at a time
  expect(found.every((record) => Buffer.compare(record?.data ?? one, large) === 0)).toBe(true);
  await store.commit("largest", randomBytes(3_000_000), soon()); // larger than a batch
  expect((await store.find("largest"))?.data.length).toBe(3_000_000);
});

it("rejects only the record that the table refuses, for every kind of call", async () => {
  const { store, sql, table, schema } = await openWatched();
  await sql(`CREATE FUNCTION "${schema}".refuse() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE changed record;
    BEGIN IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
    IF changed.token LIKE 'bad%' THEN RAISE EXCEPTION 'no'; END IF; RETURN changed; END $$`);
  for (let n = 0; n < 40; n++) await store.commit(n % 8 === 5 ? `bad${n}` : `t${n}`, one, soon());
  await sql(
    `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION "${schema}".refuse()`,
  );
  const names = Array.from({ length: 40 }, (_, n) => (n % 8 === 5 ? `bad${n}` : `t${n}`));
  const expected = (answer: unknown): unknown[] =>
    names.map((name) => (name.startsWith("bad") ? "INVALID_ARGUMENT" : answer));
  expect(await outcomes(names.map((token) => store.commit(token, one, soon())))).toEqual(expected(undefined));
  expect(await outcomes(names.map((token) => store.touch(token, soon())))).toEqual(expected(true));
  expect(await outcomes(names.map((token) => store.replace(token, one, two, soon())))).toEqual(
    expected(true),
  );
  expect(await outcomes(names.map((token) => store.delete(token)))).toEqual(expected(undefined));
  expect(await outcomes(names.map((token) => store.replace(`${token}!`, undefined, two, soon())))).toEqual(
    expected(true),
  );
  expect((await store.all()).size).toBe(40); // the refused records unchanged, and new ones in place of the deleted
  expect(await outcomes([store.commit("bad", one, soon())])).toEqual(["INVALID_ARGUMENT"]);
});

it("executes calls of every kind for one session in order, while others are in flight", async () => {
  const { store, table, schema, sql } = await openStore();
  await store.commit("t", bytes("0"), soon());
  const release = await lockRow(table, "t");
  const replaces = Array.from({ length: 40 }, (_, n) =>
    store.replace("t", bytes(`${n}`), bytes(`${n + 1}`), soon()),
  );
  const last = store.find("t");
  const deleting = store.delete("t");
  const after = store.find("t");
  await waiting(sql, schema);
  await Promise.all([store.commit("u", one, soon()), store.find("u")]);
  await release();
  expect((await Promise.all(replaces)).every(Boolean)).toBe(true);
  expect(text((await last)?.data)).toBe("40");
  await deleting;
  expect(await after).toBe(undefined);
});

it("returns separate bytes to each find of one session", async () => {
  const { store } = await openStore();
  await store.commit("t", one, soon());
  const finds = await Promise.all(Array.from({ length: 5 }, () => store.find("t")));
  finds[0]?.data.fill(0);
  finds[0]?.expiry.setTime(0);
  for (const record of finds.slice(1)) {
    expect(record?.data).toEqual(one);
    expect(record?.expiry.getTime()).toBeGreaterThan(Date.now());
  }
});

it("returns all kinds of bytes unchanged, alone and in batches", async () => {
  const { store } = await openStore();
  const { store: other } = await openStore();
  const data = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ unit: "grapheme" }).map((each) => bytes(each)),
    fc.constantFrom(
      bytes("\ufeffbom"),
      bytes("\ufffd"),
      bytes("\0"),
      new Uint8Array([0xff, 0xfe]),
      bytes("\\x00"),
      bytes(""),
    ),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(data, { minLength: 1, maxLength: 8 }), fc.boolean(), async (values, fresh) => {
      const target = fresh ? other : store;
      await Promise.all(values.map((value, n) => target.commit(`t${n}`, value, soon())));
      const found = await Promise.all(values.map((_, n) => target.find(`t${n}`)));
      expect(found.map((record) => record?.data)).toEqual(values.map((value) => Uint8Array.from(value)));
      const all = await target.all();
      for (const [n, value] of values.entries()) expect(all.get(`t${n}`)).toEqual(Uint8Array.from(value));
    }),
    { numRuns: 60 },
  );
});

it("refuses oversized data before copying it", async () => {
  const { store } = await openStore();
  const tooLong = new Uint8Array(128 * 2 ** 20 + 1); // its pages are never touched
  await expect(store.commit("t", tooLong, soon())).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(store.replace("t", one, tooLong, soon())).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

it("never deadlocks when several hosts write the same sessions in any order", {
  timeout: 60_000,
}, async () => {
  const { store, schema, table, sql } = await openStore();
  await sql(`ALTER TABLE ${table} SET (autovacuum_enabled = off)`); // because autovacuum takes locks as well
  const others = Array.from({ length: 3 }, () => new PgStore(appPool(), { schema, cleanupIntervalMs: 0 }));
  const names = Array.from({ length: 50 }, (_, n) => `é${n % 2 ? "A" : "a"}-_${n}`);
  const deadlocks = async (): Promise<number> => {
    await sql("SELECT pg_stat_force_next_flush()").catch(() => undefined); // since PostgreSQL 15
    const [row] = await sql<{ deadlocks: string }>(
      "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()",
    );
    return Number(row?.deadlocks);
  };
  const before = await deadlocks();
  for (let round = 0; round < 25; round++) {
    await Promise.all(
      [store, ...others].flatMap((host, index) => {
        const order = index % 2 ? names : names.toReversed();
        return order.map((token, n) => {
          switch ((round + index + n) % 6) {
            case 0:
              return host.delete(token);
            case 1:
              return host.touch(token, soon());
            case 2:
              return host.replace(token, one, two, soon());
            case 3:
              return host.replace(token, undefined, one, soon());
            default:
              return host.commit(token, one, soon());
          }
        });
      }),
    );
  }
  expect(await deadlocks()).toBe(before);
});

it("retries conflicts of serializable transactions", async () => {
  const { schema, store } = await openStore();
  const options = { options: "-c default_transaction_isolation=serializable" };
  const hosts = [0, 1].map(() => new PgStore(appPool(options), { schema, cleanupIntervalMs: 0 }));
  await store.commit("t", bytes("0"), soon());
  let wins = 0;
  for (let round = 0; round < 50; round++) {
    const answers = await Promise.all(
      hosts.map((host) => host.replace("t", bytes(`${round}`), bytes(`${round + 1}`), soon())),
    );
    wins += answers.filter(Boolean).length;
  }
  expect(wins).toBe(50);
});
