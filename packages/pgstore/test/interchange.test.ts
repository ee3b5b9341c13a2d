import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromEpoch, timestamp } from "../src/wire/timestamp.js";
import { useServer } from "./fixtures/server.js";
import { appPool, bytes, openStore, soon } from "./fixtures/stores.js";

const one = bytes("one");
useServer();

/** The statements of pgxstore and postgresstore of Go's scs. */
const go = {
  commit: (t: string) =>
    `INSERT INTO ${t} (token, data, expiry) VALUES ($1, $2, $3) ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry`,
  find: (t: string) => `SELECT data FROM ${t} WHERE token = $1 AND current_timestamp < expiry`,
  all: (t: string) => `SELECT token, data FROM ${t} WHERE current_timestamp < expiry`,
  cleanup: (t: string) => `DELETE FROM ${t} WHERE expiry < current_timestamp`,
};

it("reads rows of Go's scs, which reads ours", async () => {
  const { store, sql, table } = await openStore();
  await sql(go.commit(table), ["theirs", Buffer.from("gob"), "2100-01-02T03:04:05.678901Z"]);
  expect(await store.find("theirs")).toEqual({
    data: bytes("gob"),
    expiry: new Date("2100-01-02T03:04:05.678Z"), // a Date has no more than ms
  });
  await store.commit("ours", one, soon());
  expect(await sql(go.find(table), ["ours"])).toEqual([{ data: Buffer.from("one") }]);
  expect(await sql(go.all(table))).toHaveLength(2);
  await sql(go.commit(table), ["ours", Buffer.from("two"), "2100-01-02T03:04:05Z"]);
  expect(await store.replace("ours", one, one, soon())).toBe(false);
  expect(await store.replace("ours", bytes("two"), one, soon(-1))).toBe(true);
  await sql(go.cleanup(table));
  expect([...(await store.all()).keys()]).toEqual(["theirs"]);
});

it("reads extreme and infinite expiries as the nearest Date", async () => {
  const { store, sql, table } = await openStore();
  for (const [token, expiry] of [
    ["for ever", "infinity"],
    ["later than any Date", "294276-12-31T23:59:59.999999Z"],
    ["never", "-infinity"],
    ["long ago", "4714-11-24 00:00:00+00 BC"],
  ]) {
    await sql(`INSERT INTO ${table} VALUES ($1, 'x', $2)`, [token, expiry]);
  }
  const latest = new Date(8.64e15);
  expect((await store.find("for ever"))?.expiry).toEqual(latest);
  expect((await store.find("later than any Date"))?.expiry).toEqual(latest);
  expect(await store.find("never")).toBe(undefined);
  expect([...(await store.all()).keys()].sort()).toEqual(["for ever", "later than any Date"]);
  expect(await store.deleteExpired()).toBe(2);
});

it("keeps every Date as an expiry to the millisecond", async () => {
  const { store } = await openStore({ now: () => -8.64e15 });
  const dates = fc.array(fc.date({ noInvalidDate: true, min: new Date(-2e14) }), {
    minLength: 1,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(dates, async (expiries) => {
      await Promise.all(expiries.map((expiry, n) => store.commit(`t${n}`, one, expiry)));
      const found = await Promise.all(expiries.map((_, n) => store.find(`t${n}`)));
      expect(found.map((record) => record?.expiry.getTime())).toEqual(expiries.map((each) => each.getTime()));
    }),
    { numRuns: 100 },
  );
  await store.commit("earliest", one, new Date(-8.64e15));
  expect(await store.find("earliest")).toBe(undefined);
});

it("converts every Date to PostgreSQL's formats and back", () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true, min: new Date(-2e14) }), (date) => {
      const micros = timestamp(date.getTime()).readBigInt64BE(0) + 946_684_800_000_000n;
      expect(micros).toBe(BigInt(date.getTime()) * 1000n);
      const [sign, digits] = micros < 0n ? ["-", -micros] : ["", micros];
      const text = `${digits}`.padStart(7, "0");
      expect(fromEpoch(`${sign}${text.slice(0, -6)}.${text.slice(-6)}`)).toBe(date.getTime());
    }),
  );
});

it("decides by the database's clock, whatever the host's clock says", async () => {
  const { store, sql, table } = await openStore();
  const [row] = await sql<{ now: Date }>("SELECT now()");
  const now = row?.now.getTime() ?? 0;
  await store.commit("live", one, new Date(now + 600_000));
  await store.commit("gone", one, new Date(now - 1));
  expect(await store.find("gone")).toBe(undefined);
  expect(await store.touch("gone", new Date(now + 600_000))).toBe(false);
  expect(await store.replace("gone", one, one, new Date(now + 600_000))).toBe(false);
  expect(await sql(`SELECT token FROM ${table} ORDER BY token`)).toHaveLength(2);
  expect(await store.deleteExpired()).toBe(1);
  const realNow = Date.now;
  try {
    Date.now = () => realNow() + 10 ** 9;
    expect((await store.find("live"))?.data).toEqual(one);
    expect(await store.deleteExpired()).toBe(0);
  } finally {
    Date.now = realNow;
  }
});

describe("invalid rows of other programs", () => {
  it("are skipped if the token is malformed", async () => {
    const { store, sql, table } = await openStore();
    await sql(
      `INSERT INTO ${table} VALUES ('', 'x', 'infinity'), (repeat('a', 256), 'x', 'infinity'), ('t', 'x', 'infinity')`,
    );
    expect([...(await store.all()).keys()]).toEqual(["t"]);
    const listed: string[] = [];
    for await (const { token } of store.entries()) listed.push(token);
    expect(listed).toEqual(["t"]);
  });
});

it.each(["SQL_ASCII", "LATIN1"])(
  "a database with encoding %s accepts the tokens that it can represent",
  async (encoding) => {
    const { sql } = await openStore({ create: false });
    const name = `scs_test_${encoding.toLowerCase()}_${process.pid}`;
    await sql(`CREATE DATABASE ${name} ENCODING '${encoding}' LOCALE 'C' TEMPLATE template0`);
    const url = new URL(process.env.PGSTORE_TEST_URL ?? "");
    url.pathname = name;
    const pool = appPool({ connectionString: url.href });
    try {
      const { store } = await openStore({ pool });
      await store.commit("plain", one, soon());
      await store.commit("é", one, soon());
      expect((await store.find("é"))?.data).toEqual(one);
      if (encoding === "LATIN1") {
        const calls = ["plain", "日本", "é"].map((token) => store.find(token));
        expect((await Promise.all(calls)).map((record) => record?.data)).toEqual([one, undefined, one]);
        expect(await store.touch("日本", soon())).toBe(false);
        expect(await store.replace("日本", one, one, soon())).toBe(false);
        expect(await store.delete("日本")).toBe(undefined);
        await expect(store.commit("日本", one, soon())).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      } else {
        await store.commit("日本", one, soon());
        expect((await store.find("日本"))?.data).toEqual(one);
      }
    } finally {
      await pool.end();
      Object.assign(pool, { end: async () => undefined });
      await sql(`DROP DATABASE ${name} WITH (FORCE)`);
    }
  },
);
