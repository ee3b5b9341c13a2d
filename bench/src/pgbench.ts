import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Pool } from "pg";
import type { Environment, Program } from "./contender.js";

/** What each operation is to the server. A session's token is its number, filled up to 43 characters. */
const SCRIPTS: Record<string, string> = {
  find: "SELECT data FROM sessions WHERE token = lpad(:id::text, 43, 'x') AND now() < expiry;",
  miss: "SELECT data FROM sessions WHERE token = lpad(:id::text, 43, 'y') AND now() < expiry;",
  update: `INSERT INTO sessions VALUES (lpad(:id::text, 43, 'x'), decode(repeat(lpad(to_hex(:byte::int), 2, '0'), :size::int), 'hex'), now() + interval '1 day')
 ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry;`,
  touch:
    "UPDATE sessions SET expiry = now() + interval '2 days' WHERE token = lpad(:id::text, 43, 'x') AND now() < expiry;",
};

/** It takes a connection for each call in flight, of those that the server has beside those of the others' pools. */
const MOST_CONNECTIONS = 256;

/** Time after which a server that has carried out no transaction is one that does not work. */
const MAX_SECONDS = 60;

/** The load generator of PostgreSQL: it takes next to nothing of the time. */
export async function openPgbench(
  { url, pool, close }: { url: string; pool: Pool; close: () => Promise<void> },
  { directory, sessions, size }: Environment,
): Promise<Program> {
  await pool.query(
    `INSERT INTO sessions SELECT lpad(id::text, 43, 'x'), decode(repeat('00', $2), 'hex'), now() + interval '1 day'
     FROM generate_series(1, $1) AS id`,
    [sessions, size],
  );
  return {
    style: "program",
    run: async (operation, inFlight, ms) => {
      const text = SCRIPTS[operation];
      if (text === undefined || inFlight > MOST_CONNECTIONS) return undefined;
      const script = join(directory, `${operation}.sql`);
      await writeFile(
        script,
        `\\set id random(1, ${sessions})\n\\set byte random(1, 255)\n\\set size ${size}\n${text}\n`,
      );
      const jobs = Math.min(2, inFlight);
      const settings = ["--no-vacuum", "--protocol=prepared", `--client=${inFlight}`, `--jobs=${jobs}`];
      // A busy machine may take longer than that to connect: then the time is over before the first transaction.
      for (let seconds = Math.max(1, Math.round(ms / 1000)); ; seconds *= 4) {
        const output = await runProgram("pgbench", [
          ...settings,
          `--time=${seconds}`,
          `--file=${script}`,
          url,
        ]);
        const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1]);
        const calls = number(/transactions actually processed: (\d+)/);
        const failed = number(/failed transactions: (\d+)/);
        const perSecond = number(/tps = ([\d.]+) \(without initial connection/);
        if (calls === 0 && failed === 0 && seconds < MAX_SECONDS) continue;
        await verify(pool, sessions, size, operation === "update");
        if (!(calls > 0) || failed > 0)
          throw new Error(`pgbench: ${calls} transactions, ${failed} of them failed`);
        return { calls, seconds: calls / perSecond };
      }
    },
    close,
  };
}

/** Its answers cannot be looked at; what the table holds can. */
async function verify(pool: Pool, sessions: number, size: number, isWritten: boolean): Promise<void> {
  const { rows } = await pool.query(
    `SELECT count(*)::int AS all, count(*) FILTER (WHERE length(data) = $1 AND now() < expiry)::int AS whole,
       count(*) FILTER (WHERE get_byte(data, 0) > 0)::int AS written FROM sessions`,
    [size],
  );
  const { all, whole, written } = rows[0];
  if (all !== sessions || whole !== sessions)
    throw new Error(`pgbench: ${whole} of ${sessions} sessions are whole`);
  if (isWritten && written === 0) throw new Error("pgbench: nothing was written");
}

function runProgram(program: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (text) => {
      output += text;
    });
    child.stderr.on("data", (text) => {
      errors += text;
    });
    child.once("error", reject);
    child.once("close", (code) => {
      if (code === 0) resolve(output);
      else
        reject(
          new Error(`${program} ended with ${code}: ${/error: .*/i.exec(errors)?.[0] ?? "no error said"}`),
        );
    });
  });
}
