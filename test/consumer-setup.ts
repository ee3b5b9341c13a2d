import type { TestProject } from "vitest/node";
import { Cluster } from "../packages/pgstore/test/fixtures/cluster.js";
import { hasServer, RedisServer } from "../packages/redisstore/test/fixtures/redis-server.js";
import { ConsumerProject } from "./consumer-project.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of the project of a consumer, and the URL of a database server for its programs. */
    consumerFolder: string;
    databaseUrl: string;
    /** Of a Redis; empty where redis-server is not installed. */
    redisUrl: string;
  }
}

/** Before all test files: packs and installs every package in one project, and starts the servers of their examples. */
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
