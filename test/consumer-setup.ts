import type { TestProject } from "vitest/node";
import { Cluster } from "../packages/pgstore/test/fixtures/cluster.js";
import { ConsumerProject } from "./consumer-project.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The folder of the project of a consumer, and the URL of a database server for its programs. */
    consumerFolder: string;
    databaseUrl: string;
  }
}

/** Before all test files: packs and installs every package in one project, and starts a database server. */
export default async function setUp({ provide }: TestProject): Promise<() => Promise<void>> {
  const project = await ConsumerProject.create();
  const server = await Cluster.start();
  provide("consumerFolder", project.folder);
  provide("databaseUrl", server.url);
  return async () => {
    await server.remove();
    await project.remove();
  };
}
