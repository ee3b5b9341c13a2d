import { setTimeout } from "node:timers/promises";
import pg from "pg";
import type { ServerName } from "./contender.js";
import type { Servers } from "./servers.js";

/** What a contender has of a server. */
export interface Database {
  url: string;
  /** Left there, it would be vacuumed while another contender is measured. */
  drop(): Promise<void>;
}

/** Makes an empty database for what needs a server; nothing for what needs none. */
export async function databaseFor(
  name: ServerName | undefined,
  servers: Servers,
): Promise<Database | undefined> {
  return name === undefined ? undefined : databaseOn(name, (await servers.get(name)).url);
}

/** Who has closed its connections is off the server within this time, or is cut off. */
const LEAVE_MS = 2_000;
const LOOK_MS = 10;

let made = 0;

/** Makes an empty database for a contender. Redis has one for all, which whoever uses it empties. */
export function databaseOn(name: ServerName, server: string): Promise<Database> {
  return name === "postgres"
    ? makeDatabase(server)
    : Promise.resolve({ url: server, drop: async () => undefined });
}

async function makeDatabase(server: string): Promise<Database> {
  const name = `bench_${process.pid}_${++made}`;
  await withClient(server, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => withClient(server, (client) => dropUnused(client, name)) };
}

/** A pool's end does not wait for its connections, and to be cut off is an uncaught error in some of them. */
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

/** Ten connections, `pg`'s default. */
export function makePool(url: string | undefined): pg.Pool {
  if (url === undefined) throw new Error("no PostgreSQL server was started");
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  // What the server ends, a connection of a pool that has not let go in time, would be an uncaught error. A query under way rejects all the same.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}
