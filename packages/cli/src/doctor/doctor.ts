import type { Target } from "../stores/target.js";
import { checkFiles } from "./files.js";
import { type Finding, ok, problem } from "./finding.js";
import { checkPostgres } from "./postgres.js";
import { checkRedis } from "./redis.js";
import { checkSqlite } from "./sqlite.js";
import { checkClock, checkWrites, messageOf } from "./writes.js";

/** The durability and sharing of each kind of store. */
const PROMISES: Readonly<Record<string, string>> = {
  mem: "memory of one process: gone when it ends",
  file: "survives power loss with durability flushed; shared by the processes of one machine",
  hybrid: "survives power loss with durability flushed; one process",
  bolt: "survives power loss with durability flushed; shared by the processes of one machine",
  sqlite: "survives power loss with durability flushed; shared by the processes of one machine",
  postgres: "survives power loss as the server is set; shared by any number of hosts, by the server's clock",
  redis: "survives a restart as the server is set; shared by any number of hosts, by the server's clock",
  other: "as its own documentation says",
};

/** Checks a store. Writes test records, and removes them. */
export async function examine(target: Target): Promise<Finding[]> {
  const { kind, store, sessions, query, table, path } = target;
  const findings: Finding[] = [ok("promises", PROMISES[kind] ?? "")];
  try {
    findings.push(ok("reach", `the store answers within ${(await sessions.ping()).toFixed(1)} ms`));
  } catch (error) {
    findings.push(problem("reach", messageOf(error)));
    if (kind !== "postgres") return findings; // on PostgreSQL, the reason may be a missing table
  }
  const checks: (() => Promise<Finding | Finding[]>)[] = [];
  if (query !== undefined && table !== undefined) {
    checks.push(() => (kind === "postgres" ? checkPostgres(query, table) : checkSqlite(query, table)));
  } else if (query !== undefined && kind === "redis") checks.push(() => checkRedis(query));
  if (path !== undefined) checks.push(() => checkFiles(path, kind));
  checks.push(
    () => checkWrites(store),
    () => checkClock(store),
  );
  for (const check of checks) {
    try {
      findings.push(...[await check()].flat());
    } catch (error) {
      findings.push(problem("check", messageOf(error)));
    }
  }
  return findings;
}
