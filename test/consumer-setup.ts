import type { TestProject } from "vitest/node";
import { Cluster } from "../packages/pgstore/test/fixtures/cluster.js";
import { hasServer, RedisServer } from "../packages/redisstore/test/fixtures/redis-server.js";
import { ConsumerProject } from "./consumer-project.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of a consumer's project, and the URL of a PostgreSQL server for its programs. */
    consumerFolder: string;
    databaseUrl: string;
    /** URL of a Redis; empty if redis-server is not installed. */
    redisUrl: string;
  }
}

/** Packs and installs every package in one project before all tests, and starts the servers of the examples. */
export default async function setUp({ provide }: TestProject): Promise<() => Promise<void>> {
  const project = await ConsumerProject.create();
  const server = await Cluster.start();
  provide("consumerFolder", project.folder);
  provide("databaseUrl", server.url);
  const redis = hasServer ? await RedisServer.start() : undefined;
  provide("redisUrl", redis?.url ?? "");
  return async () => {
    await redis?.stop();
    await server.remove();
    await project.remove();
  };
}
