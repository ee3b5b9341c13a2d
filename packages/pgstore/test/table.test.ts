import { readFile } from "node:fs/promises";
import { setImmediate } from "node:timers/promises";
import pg from "pg";
import { describe, expect, it } from "vitest";
import { type PgPool, PgStore } from "../src/index.js";
import { useServer } from "./fixtures/server.js";
import { appPool, bytes, openStore, soon } from "./fixtures/stores.js";
import { watched } from "./fixtures/watched-pool.js";

const one = bytes("one");
useServer();

interface Column {
  column_name: string;
  data_type: string;
  is_nullable: string;
}

const columns =
  "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_schema = $1 ORDER BY 1";
const indexes = "SELECT indexdef FROM pg_indexes WHERE schemaname = $1 ORDER BY indexname";

describe("createTable", () => {
  it("creates the table of schema.sql, which is that of Go's scs", async () => {
    const { schema, sql } = await openStore();
    const { schema: other } = await openStore({ create: false });
    const script = await readFile(new URL("../schema.sql", import.meta.url), "utf8");
    await sql(`CREATE SCHEMA "${other}"; SET search_path TO "${other}"; ${script}`);
    await sql("RESET search_path");
    expect(await sql<Column>(columns, [schema])).toEqual([
      { column_name: "data", data_type: "bytea", is_nullable: "NO" },
      { column_name: "expiry", data_type: "timestamp with time zone", is_nullable: "NO" },
      { column_name: "token", data_type: "text", is_nullable: "NO" },
    ]);
    expect(await sql<Column>(columns, [other])).toEqual(await sql<Column>(columns, [schema]));
    const definitions = async (name: string): Promise<string[]> =>
      (await sql<{ indexdef: string }>(indexes, [name])).map(({ indexdef }) =>
        indexdef.replaceAll(name, "s"),
      );
    expect(await definitions(schema)).toEqual([
      "CREATE INDEX sessions_expiry_idx ON s.sessions USING btree (expiry)",
      "CREATE UNIQUE INDEX sessions_pkey ON s.sessions USING btree (token)",
    ]);
    expect(await definitions(other)).toEqual(await definitions(schema));
    for (const name of [schema, other]) {
      const options = "SELECT reloptions FROM pg_class WHERE oid = $1::regclass";
      expect(await sql(options, [`"${name}".sessions`])).toEqual([{ reloptions: ["fillfactor=70"] }]);
    }
  });

  it("may be called by many instances at the same time, repeatedly", async () => {
    const { schema, sql } = await openStore({ create: false });
    const stores = Array.from({ length: 8 }, () => new PgStore(appPool(), { schema, cleanupIntervalMs: 0 }));
    for (let round = 0; round < 3; round++) {
      await Promise.all(stores.flatMap((store) => [store.createTable(), store.createTable()]));
      expect(await sql(indexes, [schema])).toHaveLength(2);
      await Promise.all(stores.map((store, n) => store.commit(`t${n}`, one, soon())));
      await sql(`DROP TABLE "${schema}".sessions`);
    }
  });

  it("tolerates a migration that creates the same table at the same moment", async () => {
    const { store, schema, sql } = await openStore({ create: false });
    await sql(`CREATE SCHEMA "${schema}"`);
    const client = new pg.Client({ connectionString: process.env.PGSTORE_TEST_URL });
    await client.connect();
    await client.query("BEGIN");
    await client.query(
      `CREATE TABLE "${schema}".sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`,
    );
    const creating = store.createTable(); // does not see it, and waits for its name
    await store.find("t").catch(() => undefined);
    await client.query("COMMIT");
    await client.end();
    await creating;
    await store.commit("t", one, soon());
    expect(await sql(indexes, [schema])).toHaveLength(2);
  });

  it("creates an unlogged table on request, and leaves an existing table unchanged", async () => {
    const { store, schema, sql } = await openStore({ create: false });
    const persistence = async (): Promise<object[]> =>
      sql("SELECT relpersistence FROM pg_class WHERE oid = $1::regclass", [`"${schema}".sessions`]);
    await store.createTable({ unlogged: true });
    await store.commit("t", one, soon());
    expect(await persistence()).toEqual([{ relpersistence: "u" }]);
    await store.createTable();
    expect(await persistence()).toEqual([{ relpersistence: "u" }]);
    expect((await store.find("t"))?.data).toEqual(one);
  });

  it("adds a missing index to an existing table, and no second one", async () => {
    const { store, schema, sql } = await openStore({ create: false });
    await sql(
      `CREATE SCHEMA "${schema}"; CREATE TABLE "${schema}".sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)`,
    );
    await store.createTable();
    expect(await sql(indexes, [schema])).toHaveLength(2);
    await sql(`ALTER INDEX "${schema}".sessions_expiry_idx RENAME TO another_name`);
    await store.createTable();
    expect(await sql(indexes, [schema])).toHaveLength(2);
  });
});

it("works on a table partitioned by hash of the token", async () => {
  const { store, schema, sql } = await openStore({ create: false });
  await sql(`CREATE SCHEMA "${schema}"`);
  await sql(
    `CREATE TABLE "${schema}".sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL) PARTITION BY HASH (token)`,
  );
  for (const n of [0, 1, 2])
    await sql(
      `CREATE TABLE "${schema}".part${n} PARTITION OF "${schema}".sessions FOR VALUES WITH (MODULUS 3, REMAINDER ${n})`,
    );
  await store.createTable();
  expect(await sql(indexes, [schema])).toHaveLength(8); // two of the table, and two of each partition
  const tokens = Array.from({ length: 60 }, (_, n) => `t${n}`);
  await Promise.all(tokens.map((token) => store.commit(token, one, soon())));
  expect(await Promise.all(tokens.map((token) => store.touch(token, soon())))).toEqual(Array(60).fill(true));
  expect(await Promise.all(tokens.map((token) => store.replace(token, one, bytes("two"), soon())))).toEqual(
    Array(60).fill(true),
  );
  expect(await Promise.all(tokens.map((token) => store.replace(token, undefined, one, soon())))).toEqual(
    Array(60).fill(false),
  );
  expect([...(await store.all()).keys()].sort()).toEqual(tokens.toSorted());
  await Promise.all(tokens.slice(0, 20).map((token) => store.delete(token)));
  await Promise.all(tokens.slice(20, 40).map((token) => store.commit(token, one, soon(-1000))));
  expect(await store.deleteExpired()).toBe(20);
  expect((await store.all()).size).toBe(20);
});

describe("names", () => {
  const odd = [
    'weird"; DROP TABLE sessions; --',
    "it's",
    "back\\slash",
    "$scs$ $1",
    "Großes Ü 😀",
    "select",
    "a.b",
    "t".repeat(63),
    `${"é".repeat(31)}x`,
  ];

  it.each(odd)("are used literally: %s", async (name) => {
    const { store, sql, table } = await openStore({ table: name });
    await store.createTable();
    const tokens = ["t", "u"];
    await Promise.all(tokens.map((token) => store.commit(token, one, soon())));
    expect(await Promise.all(tokens.map((token) => store.touch(token, soon())))).toEqual([true, true]);
    expect(await store.replace("t", one, one, soon())).toBe(true);
    expect([...(await store.all()).keys()].sort()).toEqual(tokens);
    expect(await sql(`SELECT token FROM ${table} ORDER BY token`)).toEqual([{ token: "t" }, { token: "u" }]);
    await Promise.all(tokens.map((token) => store.delete(token)));
    expect(await store.deleteExpired()).toBe(0);
  });

  it("of schemas are used literally, and separate stores on one pool", async () => {
    const pool = appPool();
    const { schema } = await openStore({ create: false });
    const stores = [schema, `${schema} "quoted"`].flatMap((each) =>
      ["a", "b"].map((table) => new PgStore(pool, { schema: each, table, cleanupIntervalMs: 0 })),
    );
    await Promise.all(stores.map((store) => store.createTable()));
    await Promise.all(stores.map((store, n) => store.commit("t", bytes(`${n}`), soon())));
    const found = await Promise.all(stores.map((store) => store.find("t")));
    expect(found.map((record) => record?.data)).toEqual(["0", "1", "2", "3"].map((each) => bytes(each)));
  });

  it("without a schema are resolved by the search_path", async () => {
    const { schema, store } = await openStore();
    await store.commit("t", one, soon());
    const pool = appPool({ options: `-c search_path=${schema}` });
    const other = new PgStore(pool, { cleanupIntervalMs: 0 });
    await other.createTable();
    expect((await other.find("t"))?.data).toEqual(one);
  });
});

it("adds one listener for many stores on one pool", async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error): void => void warnings.push(warning);
  process.on("warning", warn);
  const pool = appPool();
  const before = pool.listenerCount("error");
  const stores = Array.from(
    { length: 20 },
    (_, n) => new PgStore(pool, { table: `t${n}`, cleanupIntervalMs: 0 }),
  );
  expect(pool.listenerCount("error")).toBe(before + 1);
  for (const store of stores) await store[Symbol.asyncDispose]();
  expect(pool.listenerCount("error")).toBe(before);
  process.off("warning", warn);
  expect(warnings).toEqual([]);
});

it("finds a table that was created while an earlier call still looked for it", async () => {
  const { pool, schema, store: creator } = await openStore({ create: false });
  const [hasLooked, mayAnswer] = [signal(), signal()];
  let looks = 0;
  const { pool: slow } = watched(pool as unknown as PgPool, async ({ text }) => {
    if (!text.includes("pg_attribute") || ++looks > 1) return;
    hasLooked.resolve();
    await mayAnswer.promise;
  });
  const { store } = await openStore({ pool: slow as unknown as pg.Pool, schema, create: false });
  const early = expect(store.deleteExpired()).rejects.toMatchObject({ code: "MISSING_TABLE" });
  await hasLooked.promise;
  await creator.createTable();
  const late = expect(store.find("t")).resolves.toBeUndefined(); // joins the look in flight
  await setImmediate();
  mayAnswer.resolve();
  await Promise.all([early, late]);
});

function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
