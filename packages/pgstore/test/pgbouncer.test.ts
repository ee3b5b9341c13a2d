import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { testFullStore } from "@scs/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { PgStore } from "../src/index.js";
import { backend, newSchema } from "./backend.js";
import { freePort, installed, serverFolder, unprivileged } from "./fixtures/cluster.js";
import { useCluster } from "./fixtures/server.js";
import { appPool, bytes, openStore, soon, text } from "./fixtures/stores.js";

const program = installed("pgbouncer");

if (program === undefined) {
  console.info("PgBouncer is not installed, so that its tests do not run: apt-get install pgbouncer");
  it.skip("PgBouncer in transaction mode: not installed (apt-get install pgbouncer)");
} else {
  const cluster = useCluster();
  describe("PgBouncer in transaction mode, two server connections for all", () => {
    let stop: () => Promise<void>;

    beforeAll(async () => {
      const [port, folder] = [await freePort(), serverFolder()];
      const file = join(folder, "pgbouncer.ini");
      await writeFile(join(folder, "users.txt"), '"postgres" ""\n');
      await writeFile(
        file,
        `[databases]\npostgres = host=127.0.0.1 port=${cluster().port} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}
unix_socket_dir =\nauth_type = any\nauth_file = ${join(folder, "users.txt")}\npool_mode = transaction\ndefault_pool_size = 2\nlogfile =\n`,
      );
      const child = spawn(program, [file], { ...unprivileged(), stdio: ["ignore", "ignore", "pipe"] });
      let log = "";
      await new Promise<void>((resolve, reject) => {
        child.stderr.on("data", (chunk: Buffer) => {
          log += chunk;
          if (log.includes("process up")) resolve();
        });
        child.once("exit", () => reject(new Error(log)));
      });
      stop = async () => {
        const ended = once(child, "exit");
        child.kill("SIGINT");
        await ended;
        await rm(folder, { recursive: true });
      };
      process.env.PGSTORE_TEST_URL = `postgres://postgres@127.0.0.1:${port}/postgres`;
      process.env.PGSTORE_TEST_PREPARE = "false";
    }, 60_000);

    afterAll(async () => {
      delete process.env.PGSTORE_TEST_PREPARE;
      await stop();
    });

    testFullStore(it, backend);

    it("is detected by a store with default options", async () => {
      const { schema } = await openStore({ prepare: false });
      const stores = Array.from(
        { length: 4 },
        () => new PgStore(appPool(), { schema, cleanupIntervalMs: 0 }),
      );
      const tokens = Array.from({ length: 40 }, (_, n) => `t${n}`);
      for (let round = 0; round < 10; round++) {
        await Promise.all(
          stores.flatMap((store, index) => [
            ...tokens.map((token) => store.commit(`${index}${token}`, bytes(`${round}`), soon())),
            ...tokens.map((token) => store.find(`${index}${token}`)),
          ]),
        );
        for (const [index, store] of stores.entries()) {
          const found = await Promise.all(tokens.map((token) => store.find(`${index}${token}`)));
          expect(found.every((record) => text(record?.data) === `${round}`)).toBe(true);
        }
      }
    });

    it("has no open transaction and no prepared statement left", async () => {
      const { store } = await openStore({ prepare: false, schema: newSchema() });
      await store.commit("t", bytes("one"), soon());
      await store.all();
      await store.deleteExpired();
      await expect(store.replace("t", undefined, bytes("two"), soon())).resolves.toBe(false);
      const client = new pg.Client({ connectionString: cluster().url });
      await client.connect();
      const open = await client.query("SELECT FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'");
      await client.end();
      expect(open.rowCount).toBe(0);
    });
  });
}
