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

let made = 0;

/** Makes an empty database for a contender. Redis has one for all, which whoever uses it empties. */
export function databaseOn(name: ServerName, server: string): Promise<Database> {
  return name === "postgres"
    ? makeDatabase(server)
    : Promise.resolve({ url: server, drop: async () => undefined });
}

async function makeDatabase(server: string): Promise<Database> {
  const name = `bench_${process.pid}_${++made}`;
  await query(server, `CREATE DATABASE ${name}`);
  const url = new URL(server);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => query(server, `DROP DATABASE ${name} WITH (FORCE)`) };
}

async function query(server: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}

/** Ten connections, `pg`'s default. */
export function makePool(url: string | undefined): pg.Pool {
  if (url === undefined) throw new Error("no PostgreSQL server was started");
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  // The pool's end does not wait for its connections; the server ends them when the database is dropped, which would be
  // an uncaught error. A query under way rejects all the same.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}
