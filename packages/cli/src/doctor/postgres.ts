import type { Query } from "../stores/target.js";
import { type Finding, ok, problem, warning } from "./finding.js";

const EXPECTED: Readonly<Record<string, RegExp>> = {
  token: /^(text|character varying)/,
  data: /^bytea$/,
  expiry: /^timestamp with time zone$/,
};

/** Checks the table, its index, and the server's durability settings. */
export async function checkPostgres(query: Query, table: string): Promise<Finding[]> {
  const literal = `'${table.replaceAll("'", "''")}'`;
  const [found] = await query(`SELECT to_regclass(${literal})::oid AS oid`);
  if (!found?.oid) return [problem("table", `there is no table ${table}; createTable() creates it`)];
  const oid = String(found.oid);
  return [
    await checkColumns(query, table, oid),
    await checkIndex(query, table, oid),
    await checkDurability(query, oid),
    await checkDeadRows(query, oid),
  ];
}

async function checkColumns(query: Query, table: string, oid: string): Promise<Finding> {
  const columns = await query(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type, attnotnull AS required FROM pg_attribute WHERE attrelid = ${oid} AND attnum > 0 AND NOT attisdropped`,
  );
  const unfit = Object.entries(EXPECTED).flatMap(([name, type]) => {
    const column = columns.find((each) => each.name === name);
    if (column === undefined) return [`${name} is missing`];
    return type.test(String(column.type)) ? [] : [`${name} is of type ${column.type}`];
  });
  const keys = await query(
    `SELECT attname AS name FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE indrelid = ${oid} AND indisunique AND indisvalid AND indnkeyatts = 1`,
  );
  if (!keys.some(({ name }) => name === "token")) unfit.push("token has no primary key");
  const own = columns.filter(({ name, required }) => required && !Object.hasOwn(EXPECTED, String(name)));
  for (const { name } of own) unfit.push(`the additional column ${name} has no default and must not be null`);
  if (unfit.length > 0) return problem("table", `${table} does not fit: ${unfit.join("; ")}; see schema.sql`);
  return ok("table", `${table} has the columns and the key that the store needs`);
}

async function checkIndex(query: Query, table: string, oid: string): Promise<Finding> {
  const [index] = await query(
    `SELECT indexrelid::regclass::text AS name, indisvalid AS valid FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE indrelid = ${oid} AND attname = 'expiry' AND indpred IS NULL ORDER BY indisvalid DESC LIMIT 1`,
  );
  if (index === undefined) {
    return problem(
      "index",
      `no index begins with expiry: each cleanup reads the whole table; CREATE INDEX ON ${table} (expiry)`,
    );
  }
  if (!index.valid)
    return problem("index", `${index.name} is invalid; run REINDEX INDEX CONCURRENTLY ${index.name}`);
  return ok("index", `cleanups go by ${index.name}`);
}

async function checkDurability(query: Query, oid: string): Promise<Finding> {
  const [settings] = await query(
    `SELECT current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, current_setting('full_page_writes') AS pages, (SELECT relpersistence FROM pg_class WHERE oid = ${oid}) AS persistence`,
  );
  const { fsync, commit, pages, persistence } = settings ?? {};
  if (persistence === "u")
    return problem("durability", "the table is UNLOGGED: a crash of the server empties it");
  if (fsync !== "on")
    return problem("durability", "fsync is off: a power failure can damage the whole database");
  if (pages !== "on")
    return warning("durability", "full_page_writes is off: a power failure can damage pages");
  if (commit === "off")
    return warning("durability", "synchronous_commit is off: a crash of the server loses the last writes");
  return ok("durability", `an acknowledged write is on disk (synchronous_commit ${commit})`);
}

async function checkDeadRows(query: Query, oid: string): Promise<Finding> {
  const [rows] = await query(
    `SELECT n_live_tup::float8 AS live, n_dead_tup::float8 AS dead FROM pg_stat_all_tables WHERE relid = ${oid}`,
  );
  const [live, dead] = [Number(rows?.live ?? 0), Number(rows?.dead ?? 0)];
  if (dead > 10_000 && dead > live) {
    return warning("vacuum", `${dead} dead rows, ${live} live ones: autovacuum does not keep up`);
  }
  return ok("vacuum", `${dead} dead rows, ${live} live ones`);
}
