import { readFile, writeFile } from "node:fs/promises";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type PgPool, PgStore } from "../src/index.js";
import { useCluster } from "./fixtures/server.js";
import { appPool, bytes, openStore, outcomes, soon, unavailable } from "./fixtures/stores.js";

const one = bytes("one");
const cluster = useCluster();

/** A store on a pool of another user's, whose table is there. */
async function openAs(user: string, grants: string): Promise<PgStore> {
  const { schema, sql } = await openStore();
  await sql(`CREATE ROLE ${user} LOGIN`);
  for (const grant of grants.split(";").filter(Boolean)) await sql(grant.replaceAll("SCHEMA_", schema));
  const url = cluster().url.replace("postgres@", `${user}@`);
  return new PgStore(appPool({ connectionString: url }), { schema, cleanupIntervalMs: 0 });
}

describe("the server refuses", () => {
  it("a wrong password, a missing database, and says which", async () => {
    const url = cluster().url;
    const { sql } = await openStore();
    await sql("CREATE ROLE guarded LOGIN PASSWORD 'right'");
    const hba = (await sql<{ hba_file: string }>("SHOW hba_file"))[0]?.hba_file;
    const lines = await readFile(hba as string, "utf8");
    await writeFile(hba as string, `host all guarded 127.0.0.1/32 scram-sha-256\n${lines}`);
    await sql("SELECT pg_reload_conf()");
    const open = (connectionString: string): PgStore =>
      new PgStore(appPool({ connectionString }), { cleanupIntervalMs: 0 });
    const refused = open(url.replace("postgres@", "guarded:wrong@"));
    await expect(refused.find("t")).rejects.toMatchObject(unavailable(/refuses the user or the password/));
    await expect(refused.createTable()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    const nowhere = open(url.replace(/postgres$/, "nowhere"));
    await expect(nowhere.commit("t", one, soon())).rejects.toMatchObject(
      unavailable(/database does not exist/),
    );
    const unknown = open("postgres://127.0.0.1:1/postgres");
    await expect(unknown.find("t")).rejects.toMatchObject(unavailable(/cannot be reached/));
  });

  it("what the user has no privilege for", async () => {
    const store = await openAs(
      "reader",
      "GRANT USAGE ON SCHEMA SCHEMA_ TO reader; GRANT SELECT ON SCHEMA_.sessions TO reader",
    );
    expect(await store.find("t")).toBe(undefined);
    await store.createTable(); // it is there: nothing to create
    const denied = unavailable(/lacks a privilege/);
    const two = [store.commit("t", one, soon()), store.commit("u", one, soon())];
    expect(await outcomes(two)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    await expect(store.delete("t")).rejects.toMatchObject(denied);
    await expect(store.deleteExpired()).rejects.toMatchObject(denied);
    expect((await store.all()).size).toBe(0);
  });

  it("writes if it is read-only, and not reads", async () => {
    const { schema, store } = await openStore();
    await store.commit("t", one, soon());
    const pool = appPool({ options: "-c default_transaction_read_only=on" });
    const reader = new PgStore(pool, { schema, cleanupIntervalMs: 0 });
    expect((await reader.find("t"))?.data).toEqual(one);
    expect([...(await reader.all()).keys()]).toEqual(["t"]);
    const calls = [
      reader.commit("t", one, soon()),
      reader.commit("u", one, soon()),
      reader.touch("t", soon()),
    ];
    expect(await outcomes(calls)).toEqual(Array(3).fill("UNAVAILABLE"));
    await expect(reader.delete("t")).rejects.toMatchObject(unavailable(/read-only, a replica perhaps/));
    await expect(reader.deleteExpired()).rejects.toMatchObject(unavailable(/read-only/));
  });

  it("more connections than it has, while those it has given serve on", async () => {
    const { schema, sql } = await openStore();
    await sql("CREATE ROLE few LOGIN CONNECTION LIMIT 1");
    await sql(`GRANT USAGE ON SCHEMA ${schema} TO few`);
    await sql(`GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO few`);
    const connectionString = cluster().url.replace("postgres@", "few@");
    const store = new PgStore(appPool({ connectionString }), { schema, cleanupIntervalMs: 0 });
    await store.commit("t", one, soon());
    const calls = Array.from({ length: 100 }, (_, n) => store.commit(`t${n}`, one, soon()));
    expect(await outcomes(calls)).toEqual(Array(100).fill(undefined));
    const taken = appPool({ connectionString });
    const refused = new PgStore(taken, { schema, cleanupIntervalMs: 0 });
    await expect(refused.find("t")).rejects.toMatchObject(unavailable(/too many connections/));
  });
});

describe("the table", () => {
  it("is missing, and the error says which call creates it", async () => {
    const { store, sql, schema, table } = await openStore({ create: false });
    const missing = {
      code: "MISSING_TABLE",
      message: `pgstore: table "${schema}"."sessions" does not exist; call createTable() once`,
    };
    await expect(store.find("t")).rejects.toMatchObject(missing);
    await expect(store.commit("t", one, soon())).rejects.toMatchObject(missing);
    await expect(store.replace("t", one, one, soon())).rejects.toMatchObject(missing);
    await expect(store.touch("t", soon())).rejects.toMatchObject(missing);
    await expect(store.delete("t")).rejects.toMatchObject(missing);
    await expect(store.entries().next()).rejects.toMatchObject(missing);
    await expect(store.all()).rejects.toMatchObject(missing);
    await expect(store.deleteExpired()).rejects.toMatchObject(missing);
    await sql(`CREATE SCHEMA "${schema}"`);
    await expect(Promise.all([store.find("t"), store.find("u")])).rejects.toMatchObject(missing);
    await store.createTable();
    await store.commit("t", one, soon());
    await sql(`DROP TABLE ${table}`);
    await expect(store.find("t")).rejects.toMatchObject(missing);
    await store.createTable();
    expect(await store.find("t")).toBe(undefined);
    await store.commit("t", one, soon());
  });

  it("may be altered, and statements prepared before go on, every one", async () => {
    const { store, sql, table } = await openStore();
    const expiry = soon();
    const everything = async (): Promise<unknown[]> => {
      const calls = (token: string): Promise<unknown>[] => [
        store.commit(token, one, expiry),
        store.replace(token, one, one, expiry),
        store.touch(token, expiry),
        store.find(token),
        store.delete(token),
        store.replace(token, undefined, one, expiry),
      ];
      const results = await outcomes([...calls("t"), ...calls("u"), ...calls("v")]);
      return [...results, (await store.all()).size, await store.deleteExpired()];
    };
    const expected = await everything();
    expect(expected).not.toContain("UNAVAILABLE");
    await store.delete("t");
    for (const change of [
      "ALTER TABLE TABLE_ ADD COLUMN note TEXT DEFAULT 'x'",
      "ALTER TABLE TABLE_ ALTER COLUMN token TYPE VARCHAR(255)",
      "ALTER TABLE TABLE_ ALTER COLUMN data SET STORAGE EXTERNAL",
      "DISCARD ALL",
    ]) {
      await sql(change.replace("TABLE_", table));
      for (const token of ["t", "u", "v"]) await store.delete(token);
      expect(await everything(), change).toEqual(expected);
    }
  });

  it("has other columns, and the error says so", async () => {
    const { store, schema, sql } = await openStore({ create: false });
    await sql(`CREATE SCHEMA "${schema}"`);
    await sql(`CREATE TABLE "${schema}".sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL)`);
    await expect(store.find("t")).rejects.toMatchObject(unavailable(/lacks a column/));
  });
});

it("statements that are no longer prepared are prepared anew", async () => {
  const pool = appPool({ max: 1 });
  const { store } = await openStore({ pool });
  for (let round = 0; round < 6; round++) {
    await store.commit("t", one, soon());
    expect((await store.find("t"))?.data).toEqual(one);
    await pool.query("DISCARD ALL");
  }
});

it("no error carries a token or session data", async () => {
  const { store, sql, schema, table } = await openStore();
  const secret = "hunter2-hunter2";
  const refused = async (cause: object): Promise<void> => {
    const calls = [
      store.commit(secret, bytes(secret), soon()),
      store.touch(secret, soon()),
      store.replace(secret, bytes(secret), bytes(secret), soon()),
      store.replace("other", undefined, bytes(secret), soon()),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { code: "INVALID_ARGUMENT", cause } });
      const shown = inspect(outcome, { depth: 10, showHidden: true }).toLowerCase();
      for (const form of [secret, Buffer.from(secret).toString("hex"), "68 75 6e 74", "104, 117"])
        expect(shown).not.toContain(form);
    }
  };
  await store.commit(secret, bytes(secret), soon());
  await sql(`ALTER TABLE ${table} ADD CONSTRAINT small CHECK (octet_length(data) < 10) NOT VALID`);
  await refused({ code: "23514", constraint: "small" });
  await sql(`CREATE FUNCTION "${schema}".refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'no % for %', NEW.data, NEW.token USING DETAIL = NEW.token, HINT = NEW.token; END $$`);
  await sql(
    `CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON ${table} FOR EACH ROW EXECUTE FUNCTION "${schema}".refuse()`,
  );
  await refused({ code: "P0001" });
});

it.each([undefined, null, {}, "postgres://", new Map()])("refuses %s as a pool", (pool) => {
  expect(() => new PgStore(pool as unknown as PgPool)).toThrow(
    new TypeError("pool must be a Pool of pg, or have its methods connect, on and removeListener"),
  );
});

it("refuses options that are out of range, and leaves nothing behind", () => {
  const pool = appPool();
  const before = pool.listenerCount("error");
  const open = (options: object) => () => new PgStore(pool, options);
  expect(open({ table: 7 })).toThrow("table must be a string, got number");
  expect(open({ schema: null })).toThrow("schema must be a string, got object");
  for (const name of ["", "a\0b", "\ud800", "t".repeat(64), "é".repeat(32)]) {
    expect(open({ table: name })).toThrow(RangeError);
    expect(open({ schema: name })).toThrow(RangeError);
  }
  for (const timeoutMs of [0, -1, 0.5, Number.NaN, 2 ** 31, "5000"])
    expect(open({ timeoutMs })).toThrow(RangeError);
  expect(open({ cleanupIntervalMs: -1 })).toThrow(RangeError);
  expect(open({ onError: 7 })).toThrow(TypeError);
  expect(open({ prepare: "no" })).toThrow("prepare must be a boolean, got string");
  expect(pool.listenerCount("error")).toBe(before);
});
