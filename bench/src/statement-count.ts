import pg from "pg";

/** What a server is started with so that it counts statements, which costs it something. */
export const COUNTING: readonly string[] = ["shared_preload_libraries=pg_stat_statements"];

/** Counts the statements that a PostgreSQL carries out, in all its databases but that of the address. */
export class StatementCount {
  readonly #client: pg.Client;

  private constructor(client: pg.Client) {
    this.#client = client;
  }

  static async on(url: string): Promise<StatementCount> {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements");
    return new StatementCount(client);
  }

  async read(): Promise<number> {
    const { rows } = await this.#client.query<{ calls: number }>(
      `SELECT coalesce(sum(calls), 0)::float8 AS calls FROM pg_stat_statements
        WHERE dbid <> (SELECT oid FROM pg_database WHERE datname = current_database())`,
    );
    return Number(rows[0]?.calls);
  }

  close(): Promise<void> {
    return this.#client.end();
  }
}
