import pg from "pg";
import { describe, expect, it } from "vitest";
import { type PgClient, type PgPool, PgStore } from "../src/index.js";
import { newSchema } from "./backend.js";
import { useServer } from "./fixtures/server.js";
import { appPool, bytes, openStore, outcomes, soon, text, unavailable } from "./fixtures/stores.js";

const [one, two] = [bytes("one"), bytes("two")];
useServer();

describe("every call works under unusual session settings:", () => {
  const odd = `it's "odd" \\'; --`;
  it.each([
    "backslash_quote=off",
    "standard_conforming_strings=off",
    "DateStyle=SQL,DMY",
    "TimeZone=Asia/Kathmandu",
    "bytea_output=escape",
    "extra_float_digits=-15",
    "IntervalStyle=iso_8601",
    "transform_null_equals=on",
    "quote_all_identifiers=on",
    "plan_cache_mode=force_generic_plan",
    "array_nulls=off",
    "enable_seqscan=off",
    "synchronous_commit=off",
    "search_path=",
    "search_path=nowhere,public",
    "default_transaction_deferrable=on",
    "default_transaction_isolation=serializable",
    "default_transaction_isolation=repeatable\\ read",
  ])("%s", async (setting) => {
    const { schema } = await openStore({ table: odd });
    const pool = appPool({ options: `-c ${setting}` });
    for (const table of [odd, "sessions"]) {
      const store = new PgStore(pool, { schema, table, cleanupIntervalMs: 0 });
      await store.createTable();
      const expiry = new Date(Date.now() + 123_456_789);
      const tokens = ["a", "b", "it's \\'"];
      await store.commit("a", one, expiry);
      await Promise.all(tokens.map((token) => store.commit(token, new Uint8Array([0, 0x5c, 0xff]), expiry)));
      for (const record of await Promise.all(tokens.map((token) => store.find(token))))
        expect(record).toEqual({ data: new Uint8Array([0, 0x5c, 0xff]), expiry });
      expect(await store.replace("a", new Uint8Array([0, 0x5c, 0xff]), one, expiry)).toBe(true);
      expect(await store.replace("a", undefined, two, expiry)).toBe(false);
      expect(await store.touch("a", soon(-1000))).toBe(true);
      expect(await store.find("a")).toBe(undefined);
      const listed: string[] = [];
      for await (const { token } of store.entries()) listed.push(token);
      expect(listed.sort()).toEqual(["b", "it's \\'"]);
      expect([...(await store.all()).keys()].sort()).toEqual(listed);
      expect(await store.deleteExpired()).toBe(1);
      await store.delete("b");
      expect((await store.all()).size).toBe(1);
      await store[Symbol.asyncDispose]();
    }
  });

  it("createTable says what to set if neither the option nor the search_path names a schema", async () => {
    const store = new PgStore(appPool({ options: "-c search_path=" }), { cleanupIntervalMs: 0 });
    await expect(store.createTable()).rejects.toMatchObject(
      unavailable(/search_path.*set the option schema/),
    );
  });

  it.each(["serializable", "repeatable\\ read"])(
    "%s: cleanups, iterations and snapshots never fail because of writes",
    async (level) => {
      const { schema } = await openStore();
      const options = { options: `-c default_transaction_isolation=${level}` };
      const hosts = [0, 1].map(() => new PgStore(appPool(options), { schema, cleanupIntervalMs: 0 }));
      const calls: Promise<unknown>[] = [];
      for (let round = 0; round < 20; round++) {
        for (const host of hosts) {
          for (let n = 0; n < 5; n++) calls.push(host.commit(`t${n}`, one, soon(n % 2 ? 60_000 : -1000)));
          calls.push(host.deleteExpired(), host.all(), host.touch("t1", soon()), host.delete("t3"));
        }
        await Promise.all(calls.splice(0));
      }
      expect([...((await hosts[0]?.all()) ?? [])].length).toBeLessThanOrEqual(2);
    },
  );
});

it("a FATAL error is UNAVAILABLE, whatever its SQLSTATE", async () => {
  // 22023 belongs to the class of unsuitable data
  const pool = appPool({ options: "-c statement_timeout=soon" });
  const store = new PgStore(pool, { cleanupIntervalMs: 0 });
  await expect(store.commit("t", one, soon())).rejects.toMatchObject({
    ...unavailable(/refuses the connection/),
    cause: { code: "22023", severity: "FATAL", message: expect.stringMatching(/statement_timeout/) },
  });
  await expect(store.find("t")).rejects.toMatchObject({ code: "UNAVAILABLE" });
  await expect(store.all()).rejects.toMatchObject({ code: "UNAVAILABLE" });
});

describe("all, on one connection whose statements are prepared,", () => {
  it.each([
    ["after the table was altered", "ALTER TABLE TABLE_ ADD COLUMN note TEXT"],
    ["after its columns were moved", "ALTER TABLE TABLE_ ALTER COLUMN token TYPE VARCHAR(255)"],
    ["after DISCARD ALL", "DISCARD ALL"],
    ["after DEALLOCATE ALL", "DEALLOCATE ALL"],
  ])("is whole %s, each time", async (_, change) => {
    const pool = appPool({ max: 1 });
    const { store, table } = await openStore({ pool });
    await store.commit("t", one, soon());
    for (let round = 0; round < 5; round++) {
      expect((await store.all()).size).toBe(1);
      for await (const { token } of store.entries()) expect(token).toBe("t");
      await pool.query(change.replace("TABLE_", table).replace("note", `note${round}`));
      expect((await store.all()).size).toBe(1);
      for await (const { token } of store.entries()) expect(token).toBe("t");
    }
  });
});

describe("a table of other types", () => {
  it.each([
    ["token", "char(64)", "character"],
    ["token", "uuid", "uuid"],
    ["data", "text", "text"],
    ["data", "jsonb", "jsonb"],
    ["expiry", "timestamp", "timestamp without time zone"],
    ["expiry", "date", "date"],
  ])("is named at the first use: %s %s", async (column, type, name) => {
    const { store, schema, sql, pool } = await openStore({ create: false });
    const types = { token: "TEXT", data: "BYTEA", expiry: "TIMESTAMPTZ", [column]: type };
    await sql(`CREATE SCHEMA "${schema}"`);
    await sql(`CREATE TABLE "${schema}".sessions (token ${types.token} PRIMARY KEY, data ${types.data} NOT NULL,
      expiry ${types.expiry} NOT NULL)`);
    const said = `column ${column} of table .*sessions" is of type ${name}, and must be`;
    const named = { code: "UNAVAILABLE", message: expect.stringMatching(said) };
    const first: ((store: PgStore) => Promise<unknown>)[] = [
      (each) => each.commit("t", one, soon()),
      (each) => each.find("t"),
      (each) => each.replace("t", undefined, one, soon()),
      (each) => each.delete("t"),
      (each) => each.entries().next(),
      (each) => each.all(),
      (each) => each.deleteExpired(),
      (each) => each.createTable(),
    ];
    for (const call of first) {
      const fresh = new PgStore(pool, { schema, cleanupIntervalMs: 0 });
      await expect(call(fresh), String(call)).rejects.toMatchObject(named);
    }
    expect(await sql(`SELECT FROM "${schema}".sessions`)).toEqual([]);
    await sql(`DROP TABLE "${schema}".sessions`);
    await store.createTable();
    await store.commit("t", one, soon());
    expect((await store.find("t"))?.data).toEqual(one);
  });

  it("works with equivalent types: varchar, and domains", async () => {
    const { store, schema, sql } = await openStore({ create: false });
    await sql(
      `CREATE SCHEMA "${schema}"; CREATE DOMAIN "${schema}".content AS BYTEA CHECK (octet_length(VALUE) < 99)`,
    );
    await sql(`CREATE TABLE "${schema}".sessions (token VARCHAR(255) PRIMARY KEY, data "${schema}".content NOT NULL,
      expiry TIMESTAMPTZ(3) NOT NULL)`);
    await Promise.all(["t", "u"].map((token) => store.commit(token, one, soon())));
    expect(await Promise.all(["t", "u"].map((token) => store.replace(token, one, two, soon())))).toEqual([
      true,
      true,
    ]);
    expect(await outcomes([store.commit("t", new Uint8Array(100), soon())])).toEqual(["INVALID_ARGUMENT"]);
    expect(text((await store.find("t"))?.data)).toBe("two");
  });
});

describe("an argument that is not a pool", () => {
  const nothing = (): undefined => undefined;
  const shape = { connect: nothing, on: nothing, removeListener: nothing };
  const pretend = (prototype: object) => ({ ...shape, Client: { prototype } });

  it.each([
    ["a Client", new pg.Client(), /pass a Pool/],
    ["Drizzle", { ...shape, $client: {} }, /pass db\.\$client/],
    ["pg-promise", { connect: nothing, $pool: {} }, /pass its \$pool/],
    ["knex", Object.assign(nothing.bind(undefined), { raw: nothing, on: nothing }), /pass a Pool of pg/],
    ["postgres.js", Object.assign(nothing.bind(undefined), { unsafe: nothing }), /pass a Pool of pg/],
    ["Kysely", { getExecutor: nothing }, /dialect/],
    ["the package pg", pg, /pass a Pool, as in new pg\.Pool\(\)/],
    ["a configuration", { connectionString: "postgres://127.0.0.1" }, /new pg\.Pool\(configuration\)/],
    ["a promise of a pool", Promise.resolve(), /await it first/],
    [
      "a pool of pg-native",
      pretend({ query: nothing, isConnected: nothing, getTypeParser: nothing }),
      /pg-native/,
    ],
  ])("is refused by name: %s", (_, pool, message) => {
    const open = () => new PgStore(pool as unknown as PgPool, { cleanupIntervalMs: 0 });
    expect(open).toThrow(TypeError);
    expect(open).toThrow(message);
  });

  it("is refused at the first use if only its clients reveal it", async () => {
    const clients: unknown[] = [undefined, {}, { ...shape, query: nothing, release: nothing, native: {} }];
    for (const client of clients) {
      const pool = { ...shape, connect: async () => client } as unknown as PgPool;
      const store = new PgStore(pool, { cleanupIntervalMs: 0 });
      const said = {
        code: "UNAVAILABLE",
        cause: { message: expect.stringMatching(/the pool returned a client/) },
      };
      await expect(store.find("t")).rejects.toMatchObject(said);
      await expect(store.commit("t", one, soon())).rejects.toMatchObject(said);
    }
  });
});

describe("a write that was not committed is an error", () => {
  const writes: ((store: PgStore, token: string) => Promise<unknown>)[] = [
    (store, token) => store.commit(token, two, soon(90_000)),
    (store, token) => store.replace(`${token} new`, undefined, two, soon()),
    (store, token) => store.replace(token, one, two, soon(90_000)),
    (store, token) => store.touch(token, soon(90_000)),
    (store, token) => store.delete(token),
  ];

  it("by a constraint trigger that is checked at COMMIT", async () => {
    const { store, sql, table, schema } = await openStore();
    await Promise.all(["t", "u"].map((token) => store.commit(token, one, soon())));
    await sql(`CREATE FUNCTION "${schema}".refuse() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = 'check_violation'; END $$`);
    await sql(`CREATE CONSTRAINT TRIGGER late AFTER INSERT OR UPDATE OR DELETE ON ${table}
      DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "${schema}".refuse()`);
    const before = await sql(`SELECT token, data, expiry FROM ${table} ORDER BY token`);
    for (const write of writes) {
      expect(await outcomes([write(store, "t")])).toEqual(["INVALID_ARGUMENT"]);
      expect(await outcomes(["t", "u"].map((token) => write(store, token)))).toEqual([
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT",
      ]);
    }
    expect(await sql(`SELECT token, data, expiry FROM ${table} ORDER BY token`)).toEqual(before);
  });

  it("by a trigger that ignores it", async () => {
    const { store, sql, table, schema } = await openStore();
    await store.commit("bad", one, soon());
    await sql(`CREATE FUNCTION "${schema}".ignore() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN IF NEW.token = 'bad' THEN RETURN NULL; END IF; RETURN NEW; END $$`);
    await sql(`CREATE TRIGGER ignore BEFORE INSERT OR UPDATE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION "${schema}".ignore()`);
    expect(await outcomes([store.commit("bad", two, soon())])).toEqual(["INVALID_ARGUMENT"]);
    expect(await outcomes(["t", "bad", "u"].map((token) => store.commit(token, two, soon())))).toEqual([
      undefined,
      "INVALID_ARGUMENT",
      undefined,
    ]);
    expect(await store.touch("bad", soon())).toBe(false);
    expect(text((await store.find("bad"))?.data)).toBe("one");
  });

  /** Clients of a driver that reports transactions only by the messages of its connection. */
  function olderDriver(pool: pg.Pool): PgPool {
    return {
      async connect() {
        const client = (await pool.connect()) as unknown as PgClient;
        Object.defineProperty(client, "getTransactionStatus", { value: undefined, configurable: true });
        return client;
      },
      on: (event, listener) => pool.on(event, listener),
      removeListener: (event, listener) => pool.removeListener(event, listener),
    };
  }

  it("by an open transaction of the app, also with a driver that does not report it", async () => {
    const pool = appPool({ max: 1 });
    const { schema, sql, table } = await openStore({ schema: newSchema() });
    const store = new PgStore(olderDriver(pool), { schema, cleanupIntervalMs: 0 });
    for (let round = 0; round < 3; round++) {
      const client = await pool.connect();
      await client.query("BEGIN");
      client.release();
      const [outcome] = await outcomes([store.commit(`t${round}`, one, soon())]);
      const rows = await sql(`SELECT FROM ${table} WHERE token = $1`, [`t${round}`]);
      expect(rows.length).toBe(outcome === undefined ? 1 : 0);
      await store.commit(`t${round}`, one, soon());
      expect(await sql(`SELECT FROM ${table} WHERE token = $1`, [`t${round}`])).toHaveLength(1);
    }
  });
});
