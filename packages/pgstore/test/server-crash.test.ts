import type { FullStore } from "@scs/core";
import { type Scope, testDurableStore } from "@scs/testkit";
import pg from "pg";
import { it } from "vitest";
import { PgStore } from "../src/index.js";
import { newSchema } from "./backend.js";
import { useCluster } from "./fixtures/server.js";

const cluster = useCluster();
const schemas = new WeakMap<FullStore, string>();

function openPool(scope: Scope): pg.Pool {
  const pool = new pg.Pool({ connectionString: cluster().url });
  pool.on("error", () => undefined); // a disposed store no longer listens for errors
  scope.defer(() => pool.end());
  return pool;
}

/** The durability checks, with a crash of the server instead of the app. */
testDurableStore(it, {
  async open(options, scope) {
    const pool = openPool(scope);
    // The crash ends idle connections, which is reported but is not a failure.
    const schema = newSchema();
    const store = new PgStore(pool, { ...options, schema, onError: () => undefined });
    await store.createTable();
    schemas.set(store, schema);
    return store;
  },
  async reopen(store, options, scope) {
    await cluster().restart("immediate");
    const pool = openPool(scope);
    const schema = schemas.get(store) as string;
    const again = new PgStore(pool, { ...options, schema, onError: () => undefined });
    schemas.set(again, schema);
    return again;
  },
});
