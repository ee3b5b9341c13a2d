import { join } from "node:path";
import { beforeAll, expect, inject, it } from "vitest";
import { ConsumerProject } from "./consumer-project.js";
import { blocksIn, nameOf, readmes } from "./examples.js";

const project = new ConsumerProject(inject("consumerFolder"));
const examples: string[] = [];

/** Errors in pg's own declarations, which need TypeScript 5.7: an app on 5.6 must set skipLibCheck. */
const FROM_5_7 = /^node_modules\/pg-protocol\/.*Type 'Buffer' is not generic/;

/** Stores on the app's own handles, which the READMEs describe only in words. */
const HANDLES = `
import { PgStore } from "@scs/pgstore";
import { SqlStore } from "@scs/sqlstore";
import Database from "better-sqlite3";
import pg from "pg";
import sqlite3 from "sqlite3";

export const stores = [
  new SqlStore(new Database(":memory:")),
  new SqlStore(new sqlite3.Database(":memory:")),
  new PgStore(new pg.Pool()),
];
`;

beforeAll(async () => {
  examples.push(await project.write(join("versions", "handles.mts"), HANDLES));
  for (const readme of await readmes()) {
    for (const [index, code] of (await blocksIn(readme, "ts")).entries())
      examples.push(await project.write(join("versions", `${nameOf(readme, index)}.mts`), code));
  }
});

it.each(["typescript-5.6", "typescript-5.9", "typescript-6.0", "typescript"])(
  "%s compiles the example of every README, and stores on an app's own handles",
  async (compiler) => {
    expect(examples.length).toBeGreaterThan(0);
    const outcome = await project
      .compile(["--noEmit", ...examples], compiler)
      .catch((error: Error) => error.message);
    const errors = (outcome ?? "").match(/^.*error TS.*$/gm) ?? [];
    expect(errors.filter((line) => !(compiler === "typescript-5.6" && FROM_5_7.test(line)))).toEqual([]);
    if (errors.length === 0) expect(outcome).toBeUndefined();
  },
);
