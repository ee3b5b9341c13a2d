import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { PgStore } from "../src/index.js";
import { useServer } from "./fixtures/server.js";
import { appPool, bytes, openStore, soon } from "./fixtures/stores.js";
import { watched } from "./fixtures/watched-pool.js";

const one = bytes("one");
useServer();

interface Plan {
  "Node Type": string;
  "Relation Name"?: string;
  "Index Name"?: string;
  Plans?: Plan[];
}

const nodes = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodes)];

it.each(["the database's clock", "the app's clock"])(
  "every statement uses an index, with %s",
  async (clock) => {
    const { schema, sql, table } = await openStore();
    await sql(`INSERT INTO ${table} SELECT 't' || n, decode(repeat('00', 256), 'hex'), now() + n * interval '1 second'
    FROM generate_series(-9999, 10000) n`);
    await sql(`ANALYZE ${table}`);
    const { pool, queries } = watched(appPool());
    const options = clock === "the app's clock" ? { now: Date.now } : {};
    const store = new PgStore(pool, { schema, cleanupIntervalMs: 0, ...options });
    await store.find("t"); // on first use, the store checks the table
    queries.length = 0;
    const oneAndMany = [["t1"], Array.from({ length: 64 }, (_, n) => `t${n + 1}`)];
    for (const tokens of oneAndMany) await Promise.all(tokens.map((token) => store.find(token)));
    for (const tokens of oneAndMany) {
      await Promise.all(tokens.map((token) => store.commit(token, new Uint8Array([0xff]), soon())));
      await Promise.all(tokens.map((token) => store.find(token))); // not UTF-8, so transferred as base64
      await Promise.all(tokens.map((token) => store.touch(token, soon())));
      await Promise.all(tokens.map((token) => store.replace(token, one, one, soon())));
      await Promise.all(tokens.map((token) => store.replace(token, undefined, one, soon())));
      await Promise.all(tokens.map((token) => store.delete(token)));
    }
    await store.entries().next();
    expect(await store.deleteExpired()).toBe(10_000);
    const statements = new Map(queries.map((query) => [query.text, query.values ?? []]));
    expect(statements.size).toBe(16);

    const client = new pg.Client({ connectionString: process.env.PGSTORE_TEST_URL });
    await client.connect();
    onTestFinished(() => client.end());
    for (const [text, values] of statements) {
      // Both the plan for these values and the generic plan.
      const custom = await client.query(`EXPLAIN (FORMAT JSON) ${text}`, values);
      await client.query(`SET plan_cache_mode = force_generic_plan; PREPARE statement AS ${text}`);
      const nulls = values.length === 0 ? "" : `(${values.map(() => "NULL").join(", ")})`;
      const generic = await client.query(`EXPLAIN (FORMAT JSON) EXECUTE statement${nulls}`);
      await client.query("DEALLOCATE statement; RESET plan_cache_mode");
      for (const { rows } of [custom, generic]) {
        const plan = nodes(rows[0]["QUERY PLAN"][0].Plan as Plan);
        const scans = plan.filter(
          (node) => node["Relation Name"] === "sessions" && / Scan$/.test(node["Node Type"]),
        );
        for (const scan of scans)
          expect(scan["Node Type"], text).toMatch(/^(Index|Index Only|Bitmap Heap) Scan$/);
        // An INSERT finds its conflicts by the index of tokens without a scan.
        if (!text.startsWith("INSERT"))
          expect(
            plan.some((node) => node["Index Name"]),
            text,
          ).toBe(true);
      }
    }
  },
);
