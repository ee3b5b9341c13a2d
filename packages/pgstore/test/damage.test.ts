import { randomBytes } from "node:crypto";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { useCluster } from "./fixtures/server.js";
import { appPool, bytes, openStore, outcomes, soon } from "./fixtures/stores.js";

const one = bytes("one");
const cluster = useCluster();

it("treats a session that the server cannot read as absent, reports it, and reads all others", async () => {
  const pool = appPool();
  const { store, sql, table, errors } = await openStore({ pool });
  const large = randomBytes(6000); // cannot be compressed: PostgreSQL keeps it out of line
  const tokens = Array.from({ length: 40 }, (_, n) => `t${n}`);
  await Promise.all(tokens.map((token) => store.commit(token, token === "t7" ? large : one, soon())));
  const [row] = await sql<{ path: string }>(
    "SELECT pg_relation_filepath(reltoastrelid) AS path FROM pg_class WHERE oid = $1::regclass",
    [table],
  );
  await cluster().stop("fast");
  const file = await open(join(cluster().data, row?.path ?? ""), "r+");
  await file.write(Buffer.alloc(4096, 0xff), 0, 4096, 2048); // a bad sector
  await file.close();
  await cluster().resume();
  errors.length = 0; // errors of ended connections

  const corrupt = { name: "StoreError", code: "CORRUPT", cause: { code: "XX001" } };
  const found = await Promise.all(tokens.map((token) => store.find(token)));
  expect(found.map((record) => record?.data)).toEqual(
    tokens.map((token) => (token === "t7" ? undefined : one)),
  );
  expect(errors).toMatchObject([corrupt]);

  const others = tokens.filter((token) => token !== "t7").sort();
  errors.length = 0;
  expect([...(await store.all()).keys()].sort()).toEqual(others);
  expect(errors).toMatchObject([corrupt]);
  const listed: string[] = [];
  for await (const { token } of store.entries()) listed.push(token);
  expect(listed.sort()).toEqual(others);

  const replaces = tokens.map((token) => store.replace(token, one, bytes("two"), soon()));
  expect(await outcomes(replaces)).toEqual(tokens.map((token) => token !== "t7"));
  // The server cannot remove the unreadable row, but the rest of its batch succeeds.
  const commits = tokens.map((token) => store.commit(token, one, soon()));
  expect(await outcomes(commits)).toEqual(
    tokens.map((token) => (token === "t7" ? "UNAVAILABLE" : undefined)),
  );
});
