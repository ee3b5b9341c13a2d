import type { Query } from "../stores/target.js";
import { type Finding, ok, problem, warning } from "./finding.js";

/** Checks the server's persistence, and its behaviour when memory is full. */
export async function checkRedis(query: Query): Promise<Finding[]> {
  const setting = async (name: string): Promise<string | undefined> => {
    const [row] = await query(`CONFIG GET ${name}`);
    return row?.[name] === undefined ? undefined : String(row[name]);
  };
  try {
    const [log, flush, policy] = [
      await setting("appendonly"),
      await setting("appendfsync"),
      await setting("maxmemory-policy"),
    ];
    return [
      log === "yes"
        ? ok("durability", `the append-only file is on (appendfsync ${flush})`)
        : warning(
            "durability",
            "appendonly is no: a restart of the server loses the writes since its last snapshot",
          ),
      policy === "noeviction" || policy?.startsWith("volatile-ttl")
        ? ok("memory", `maxmemory-policy is ${policy}`)
        : problem(
            "memory",
            `maxmemory-policy is ${policy}: a full server drops live sessions; set noeviction`,
          ),
    ];
  } catch {
    return [
      warning("durability", "the server does not answer CONFIG GET: see its appendonly and maxmemory-policy"),
    ];
  }
}
