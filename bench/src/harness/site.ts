import type { Environment, ServerName } from "./contender.js";
import { makeDatabase } from "./database.js";
import { makeDirectory } from "./directory.js";

/** Where a child opens its contender. */
export interface SiteRequest {
  /** The directory of the run. */
  run: string;
  /** URL of the server that the contender needs. */
  server?: string;
}

/** The empty directory and database of a contender. */
export interface Site {
  environment: Environment;
  /** Removes the database. */
  drop(): Promise<void>;
}

export async function makeSite(
  { run, server }: SiteRequest,
  name: ServerName | undefined,
  sessions: number,
): Promise<Site> {
  const environment: Environment = { directory: await makeDirectory(run), sessions };
  if (name === undefined || server === undefined) return { environment, drop: async () => undefined };
  const database = await makeDatabase(name, server);
  return { environment: { ...environment, url: database.url }, drop: () => database.drop() };
}
