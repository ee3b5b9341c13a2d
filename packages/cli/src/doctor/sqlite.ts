import type { Query } from "../stores/target.js";
import { type Finding, ok, problem, warning } from "./finding.js";

/** Checks the table, its index, the file, and the journal mode. */
export async function checkSqlite(query: Query, table: string): Promise<Finding[]> {
  return [
    await checkTable(query, table),
    await checkIndex(query, table),
    await checkJournal(query),
    await checkFile(query),
  ];
}

async function checkTable(query: Query, table: string): Promise<Finding> {
  const columns = await query(`PRAGMA table_info(${table})`);
  const names = columns.map(({ name }) => String(name));
  const missing = ["token", "data", "expiry"].filter((name) => !names.includes(name));
  if (missing.length > 0) return problem("table", `${table} has no column ${missing.join(", ")}`);
  const key = columns.filter(({ pk }) => Number(pk) > 0).map(({ name }) => name);
  if (key.join() !== "token") return problem("table", `the primary key of ${table} must be token`);
  return ok("table", `${table} has the columns and the key that the store needs`);
}

async function checkIndex(query: Query, table: string): Promise<Finding> {
  const plan = await query(`EXPLAIN QUERY PLAN SELECT token FROM ${table} WHERE expiry <= 1.5 LIMIT 10`);
  const detail = String(plan[0]?.detail ?? "");
  if (/USING (COVERING )?INDEX/.test(detail)) return ok("index", `cleanups: ${detail}`);
  return problem(
    "index",
    `no index on expiry: each cleanup reads the whole table; createTable() creates one`,
  );
}

async function checkJournal(query: Query): Promise<Finding> {
  const [row] = await query("PRAGMA journal_mode");
  const mode = String(Object.values(row ?? {})[0]);
  if (mode === "wal")
    return ok("durability", "the file has a write-ahead log; openSqlStore flushes it at each write");
  if (mode === "off" || mode === "memory") {
    return problem("durability", `journal_mode is ${mode}: a crash can damage the file`);
  }
  return warning(
    "durability",
    `journal_mode is ${mode}: readers and writers wait for each other; WAL does not`,
  );
}

async function checkFile(query: Query): Promise<Finding> {
  const rows = await query("PRAGMA quick_check(1)");
  const answer = String(Object.values(rows[0] ?? {})[0]);
  return answer === "ok"
    ? ok("file", "quick_check finds no damage")
    : problem("file", "quick_check finds damage; restore a backup");
}
