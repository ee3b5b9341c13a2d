import { setTimeout } from "node:timers/promises";
import pg from "pg";
import type { ServerName } from "./contender.js";

/** An empty database on a server. */
export interface Database {
  url: string;
  /** Drops the database. Otherwise PostgreSQL would vacuum it while another contender is measured. */
  drop(): Promise<void>;
}

const makers: Record<ServerName, (server: string) => Promise<Database>> = {
  postgres: makePostgresDatabase,
  redis: makeRedisDatabase,
};

/** Creates an empty database on the server at this URL. */
export function makeDatabase(name: ServerName, server: string): Promise<Database> {
  return makers[name](server);
}

/** Time that closing connections get to leave the server, before they are cut. */
const LEAVE_MS = 2_000;
const LOOK_MS = 10;

let made = 0;

async function makePostgresDatabase(server: string): Promise<Database> {
  const name = `bench_${process.pid}_${++made}`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => withClient(server, (client) => dropUnused(client, name)) };
}

/** Drops the database when its connections have left: a pool's `end` does not wait for them, and cutting one can throw an uncaught error. */
async function dropUnused(client: pg.Client, name: string): Promise<void> {
  const users = "SELECT 1 FROM pg_stat_activity WHERE datname = $1";
  for (const end = performance.now() + LEAVE_MS; performance.now() < end; await setTimeout(LOOK_MS)) {
    const { rowCount } = await client.query(users, [name]);
    if (rowCount === 0) break;
  }
  await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
}

async function withClient<Result>(
  server: string,
  use: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Creates a database by number: Redis has no names. Database 0 counts those in use. */
async function makeRedisDatabase(server: string): Promise<Database> {
  const { createClient } = await import("redis");
  const run = async (url: string, command: string[]) => {
    const client = createClient({ url });
    await client.connect();
    return client.sendCommand(command).finally(() => client.close());
  };
  const url = new URL(server);
  url.pathname = `/${await run(server, ["INCR", "databases"])}`;
  return { url: url.href, drop: async () => void (await run(url.href, ["FLUSHDB"])) };
}

/** Creates a pool of ten connections, the default of `pg`. */
export function makePool(url: string | undefined): pg.Pool {
  if (url === undefined) throw new Error("no PostgreSQL server was started");
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  // Without a listener, a connection that the server ends would throw an uncaught error. A query in flight still rejects.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}
