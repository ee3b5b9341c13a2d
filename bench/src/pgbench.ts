import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { makeDirectory, remove } from "./directory.js";
import { startPostgres } from "./postgres.js";

const run = promisify(execFile);
const CLIENTS = 10;
const SECONDS = 3;

const SCRIPTS = {
  find: "SELECT data, expiry FROM sessions WHERE token = lpad(:n::text, 43, 't') AND now() < expiry;",
  update: `INSERT INTO sessions VALUES (lpad(:n::text, 43, 't'), decode(repeat('61', :size), 'hex'), now() + interval '1 day')
    ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry;`,
};

/**
 * The server's own rate, without Node.js: pgbench, prepared statements one by one on ten connections, operations per
 * second. `undefined` where pgbench is not installed.
 */
export async function pgbench(
  sessions: number,
  size: number,
): Promise<Record<keyof typeof SCRIPTS, number> | undefined> {
  if (!(await run("pgbench", ["--version"]).catch(() => undefined))) return undefined;
  const { url, pool, close } = await startPostgres();
  const directory = await makeDirectory();
  try {
    await pool.query(
      "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)",
    );
    await pool.query("CREATE INDEX ON sessions (expiry)");
    await pool.query(
      `INSERT INTO sessions SELECT lpad(n::text, 43, 't'), decode(repeat('61', $2), 'hex'), now() + interval '1 day'
        FROM generate_series(1, $1) n`,
      [sessions, size],
    );
    await pool.query("VACUUM ANALYZE sessions");
    const rates = { find: 0, update: 0 };
    for (const name of ["find", "update"] as const) {
      const file = join(directory, `${name}.sql`);
      const script = SCRIPTS[name].replace(":size", String(size)).replaceAll("\n", " ");
      await writeFile(file, `\\set n random(1, ${sessions})\n${script}\n`);
      const args = [
        "-n",
        "-M",
        "prepared",
        "-c",
        String(CLIENTS),
        "-j",
        "2",
        "-T",
        String(SECONDS),
        "-f",
        file,
      ];
      const { stdout } = await run("pgbench", [...args, url]);
      rates[name] = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
    }
    return rates;
  } finally {
    await remove(directory);
    await close();
  }
}
