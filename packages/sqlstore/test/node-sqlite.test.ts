import { testDurableStore, testFullStore } from "@scs/testkit";
import { describe, expect, it } from "vitest";
import { openSqlStore } from "../src/index.js";
import { DatabaseSync, newPath } from "./fixtures/databases.js";
import { backend, durableBackend } from "./open-node-sqlite.js";

if (DatabaseSync !== undefined) {
  describe("on node:sqlite the contract holds", () => {
    testFullStore(it, backend);
    testDurableStore(it, durableBackend);
  });
} else {
  console.info(
    `node:sqlite of Node.js ${process.versions.node} tells of no transactions, or is not there: its tests run on 22.16 and later`,
  );

  it("openSqlStore reports a Node.js without node:sqlite", async (context) => {
    if (process.versions.node.startsWith("22.")) return context.skip("Node.js 22 has it");
    await expect(openSqlStore(newPath(), { driver: "node:sqlite" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "sqlstore: the driver node:sqlite cannot be loaded; it needs Node.js 22.13 or later",
    });
  });
}
