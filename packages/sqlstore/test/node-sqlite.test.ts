import { testFullStore } from "@scs/testkit";
import { describe, expect, it } from "vitest";
import { openSqlStore, type SqliteDatabase, SqlStore } from "../src/index.js";
import { newPath, soon } from "./fixtures/databases.js";
import { backend } from "./open-node-sqlite.js";

type NodeDatabase = Extract<SqliteDatabase, { exec(sql: string): unknown }>;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);

if (major > 22 || (major === 22 && minor >= 13)) {
  describe("on node:sqlite the contract holds", () => testFullStore(it, backend));

  it("takes a DatabaseSync of the app's own, and leaves it open", async () => {
    const name: string = "node:sqlite"; // whose types an older Node.js does not have
    const { DatabaseSync } = (await import(name)) as { DatabaseSync: new (path: string) => NodeDatabase };
    const db = new DatabaseSync(newPath());
    const store = new SqlStore(db, { cleanupIntervalMs: 0 });
    await store.createTable();
    await Promise.all([
      store.commit("t", new Uint8Array(3), soon()),
      store.commit("u", new Uint8Array(0), soon()),
    ]);
    await store[Symbol.asyncDispose]();
    expect(db.prepare("SELECT length(data) AS n FROM sessions ORDER BY token").all()).toMatchObject([
      { n: 3 },
      { n: 0 },
    ]);
    db.close();
    const closed = new SqlStore(db, { cleanupIntervalMs: 0 });
    await expect(closed.find("t")).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: /handle is not open/,
    });
    await closed[Symbol.asyncDispose]();
  });
} else {
  console.info(
    `node:sqlite is not part of Node.js ${process.versions.node}: its tests run on 22.13 and later`,
  );

  it("where Node.js has no node:sqlite, openSqlStore says so", async () => {
    await expect(openSqlStore(newPath(), { driver: "node:sqlite" })).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: "sqlstore: the driver node:sqlite cannot be loaded; it needs Node.js 22.13 or later",
    });
  });
}
