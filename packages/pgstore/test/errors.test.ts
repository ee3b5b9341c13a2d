import { readFile, writeFile } from "node:fs/promises";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { isLost, isStale, isUndone, toStoreError } from "../src/connection/driver-error.js";
import { type PgPool, PgStore } from "../src/index.js";
import { useCluster } from "./fixtures/server.js";
import { appPool, bytes, openStore, outcomes, soon, unavailable } from "./fixtures/stores.js";

const one = bytes("one");
const cluster = useCluster();

/** Opens a store as another database user, on an existing table. */
async function openAs(user: string, grants: string): Promise<PgStore> {
  const { schema, sql } = await openStore();
  await sql(`CREATE ROLE ${user} LOGIN`);
  for (const grant of grants.split(";").filter(Boolean)) await sql(grant.replaceAll("SCHEMA_", schema));
  const url = cluster().url.replace("postgres@", `${user}@`);
  return new PgStore(appPool({ connectionString: url }), { schema, cleanupIntervalMs: 0 });
}

describe("the server refuses", () => {
  it("a wrong password and a missing database, with different messages", async () => {
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

  it("a statement for which the user lacks a privilege", async () => {
    const store = await openAs(
      "reader",
      "GRANT USAGE ON SCHEMA SCHEMA_ TO reader; GRANT SELECT ON SCHEMA_.sessions TO reader",
    );
    expect(await store.find("t")).toBe(undefined);
    await store.createTable(); // the table exists
    const denied = unavailable(/lacks a privilege/);
    const two = [store.commit("t", one, soon()), store.commit("u", one, soon())];
    expect(await outcomes(two)).toEqual(["UNAVAILABLE", "UNAVAILABLE"]);
    await expect(store.delete("t")).rejects.toMatchObject(denied);
    await expect(store.deleteExpired()).rejects.toMatchObject(denied);
    expect((await store.all()).size).toBe(0);
  });

  it("writes, but not reads, if it is read-only", async () => {
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
    await expect(reader.delete("t")).rejects.toMatchObject(unavailable(/read-only, probably a replica/));
    await expect(reader.deleteExpired()).rejects.toMatchObject(unavailable(/read-only/));
  });

  it("further connections at its limit, while existing ones keep working", async () => {
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
  it("is missing: the error names the call that creates it", async () => {
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

  it("may be altered while statements are prepared", async () => {
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

  it("has other columns: the error says so", async () => {
    const { store, schema, sql } = await openStore({ create: false });
    await sql(`CREATE SCHEMA "${schema}"`);
    await sql(`CREATE TABLE "${schema}".sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL)`);
    await expect(store.find("t")).rejects.toMatchObject(unavailable(/lacks a column/));
  });
});

it("prepares statements again after they were lost", async () => {
  const pool = appPool({ max: 1 });
  const { store } = await openStore({ pool });
  for (let round = 0; round < 6; round++) {
    await store.commit("t", one, soon());
    expect((await store.find("t"))?.data).toEqual(one);
    await pool.query("DISCARD ALL");
  }
});

/** Looks for the secret in all properties of an error, including non-enumerable ones. */
function expectNoSecret(value: unknown, secret: string): void {
  const shown = inspect(value, { depth: 10, showHidden: true }).toLowerCase();
  for (const form of [secret, Buffer.from(secret).toString("hex"), "68 75 6e 74", "104, 117"])
    expect(shown).not.toContain(form);
}

it("no error contains a token or session data", async () => {
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
      expectNoSecret(outcome, secret);
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

it.each([
  "P0001",
  "57014",
  "42501",
  "42P01",
  "40001",
  "53100",
  "08006",
  "25006",
  "26000",
  "ABCDE",
  "23505",
  "22021",
])("a trigger that raises %s carries no token and no data in any of its fields", async (code) => {
  const { store, sql, schema, table } = await openStore();
  const secret = "hunter2-hunter2";
  await store.commit(secret, bytes(secret), soon());
  await sql(`CREATE FUNCTION "${schema}".refuse() RETURNS trigger LANGUAGE plpgsql AS $$
      DECLARE row record := coalesce(NEW, OLD);
      BEGIN RAISE EXCEPTION 'no % for %', row.data, row.token USING ERRCODE = '${code}', DETAIL = row.token, HINT = row.token,
        COLUMN = row.token, CONSTRAINT = row.token, TABLE = row.token, SCHEMA = row.token, DATATYPE = row.token; END $$`);
  await sql(`CREATE TRIGGER refuse BEFORE INSERT OR UPDATE OR DELETE ON ${table}
      FOR EACH ROW EXECUTE FUNCTION "${schema}".refuse()`);
  const calls = [
    () => store.commit(secret, bytes(secret), soon()),
    () => store.touch(secret, soon()),
    () => store.replace(secret, bytes(secret), bytes(secret), soon()),
    () => store.replace(`other ${secret}`, undefined, bytes(secret), soon()),
    () => store.delete(secret),
  ];
  for (const call of calls) {
    for (const outcome of await Promise.allSettled([call()])) {
      expect(outcome.status, String(call)).toBe("rejected");
      expectNoSecret(outcome, secret);
    }
  }
});

it("hides the row that a constraint's message quotes", async () => {
  const { store, sql, table } = await openStore();
  const secret = "hunter2-hunter2";
  await sql(`ALTER TABLE ${table} ADD CONSTRAINT one_of_each UNIQUE (data)`);
  await store.commit("t", bytes(secret), soon());
  for (const outcome of await Promise.allSettled([store.commit(secret, bytes(secret), soon())])) {
    expect(outcome).toMatchObject({
      reason: { code: "INVALID_ARGUMENT", cause: { code: "23505", constraint: "one_of_each" } },
    });
    expectNoSecret(outcome, secret);
  }
  await sql(
    `ALTER TABLE ${table} ADD CONSTRAINT not_null CHECK (data IS NOT NULL), ALTER COLUMN token TYPE VARCHAR(4)`,
  );
  for (const outcome of await Promise.allSettled([store.commit(secret, bytes("three"), soon())])) {
    expect(outcome).toMatchObject({ reason: { code: "INVALID_ARGUMENT" } });
    expectNoSecret(outcome, secret);
  }
});

it("closes the connection after a fatal error in any language", () => {
  const translated = Object.assign(new Error("Verbindung abgebrochen"), {
    code: "57P01",
    severity: "ФАТАЛЬНО",
  });
  expect(isUndone(translated)).toBe(false);
  expect(isLost(translated)).toBe(true);
  expect(toStoreError(translated, "t")).toMatchObject({
    code: "UNAVAILABLE",
    message: expect.stringMatching(/shutting down/),
  });
});

it("passes the error of an idle connection to the app's listeners unchanged", async () => {
  const pool = appPool();
  const { errors } = await openStore({ pool });
  const heard: unknown[] = [];
  pool.on("error", (error) => heard.push(error));
  const error = Object.assign(new Error("for t"), {
    code: "P0001",
    severity: "ERROR",
    detail: "all of it",
    where: "there",
  });
  pool.emit("error", error, undefined as never);
  expect(heard).toEqual([error]);
  expect(error).toMatchObject({ message: "for t", detail: "all of it" });
  expect(errors).toMatchObject([{ code: "INVALID_ARGUMENT", cause: { code: "P0001" } }]);
  expect(inspect(errors, { depth: 9, showHidden: true })).not.toMatch(/for t|all of it|there/);
});

it.each([undefined, null, {}, "postgres://", new Map()])("refuses %s as a pool", (pool) => {
  expect(() => new PgStore(pool as unknown as PgPool)).toThrow(
    new TypeError("pool must be a Pool of pg, or have its methods connect, on and removeListener"),
  );
});

it("refuses options out of range, and leaves no listener behind", () => {
  const pool = appPool();
  const before = pool.listenerCount("error");
  const open = (options: object) => () => new PgStore(pool, options);
  expect(open({ table: 7 })).toThrow("table must be a string, got number");
  expect(open({ schema: null })).toThrow("schema must be a string, got object");
  for (const name of ["", "a\0b", "\ud800", "t".repeat(64), "é".repeat(32)]) {
    expect(open({ table: name })).toThrow(RangeError);
    expect(open({ schema: name })).toThrow(RangeError);
  }
  for (const timeoutMs of [0, -1, 0.5, Number.NaN, 2 ** 31]) expect(open({ timeoutMs })).toThrow(RangeError);
  expect(open({ cleanupIntervalMs: -1 })).toThrow(RangeError);
  expect(open({ onError: 7 })).toThrow(TypeError);
  expect(open({ prepare: "no" })).toThrow("prepare must be a boolean, got string");
  expect(pool.listenerCount("error")).toBe(before);
});

it("recognizes an outdated plan in every language of the server", () => {
  const message = "gecachter Plan darf den Ergebnistyp nicht ändern";
  const outdated = { severity: "FEHLER", code: "0A000", message, routine: "RevalidateCachedQuery" };
  expect(isStale(Object.assign(new Error(), outdated))).toBe(true);
  expect(isStale(Object.assign(new Error(), outdated, { routine: "other" }))).toBe(false);
});
