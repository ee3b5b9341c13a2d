import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { type BuildOptions, build } from "esbuild";
import { rollup } from "rollup";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ConsumerProject } from "./consumer-project.js";

const project = new ConsumerProject(inject("consumerFolder"));

const PROGRAM = `
import Database from "better-sqlite3";
import { SqlStore, openSqlStore } from "@scs/sqlstore";

const opened = await openSqlStore(":memory:", { driver: "better-sqlite3" });
const db = new Database(":memory:");
const handed = new SqlStore(db);
await handed.createTable();
for (const store of [opened, handed]) {
  await store.commit("t", new Uint8Array([1]), new Date(Date.now() + 60_000));
  console.log((await store.find("t"))?.data.length);
  await store[Symbol.asyncDispose]();
}
db.close();
`;

/** An app that has installed the store, and better-sqlite3 as its one driver. */
let app: ConsumerProject;
let entry: string;

beforeAll(async () => {
  app = new ConsumerProject(await mkdtemp(join(tmpdir(), "scs-one-driver-")));
  entry = await app.write("app.js", PROGRAM);
  for (const name of ["core", "sqlstore"]) {
    const own = join("node_modules", "@scs", name);
    await cp(join(project.folder, own), join(app.folder, own), { recursive: true });
  }
  await app.link("better-sqlite3", join(project.folder, "node_modules/better-sqlite3"));
});

afterAll(() => app.remove());

describe("sqlstore in a bundle of an app that has one driver", () => {
  it("esbuild", async () => {
    const outfile = join(app.folder, "dist", "esbuild.mjs");
    // A driver with a native part stays outside of a bundle, as esbuild's own pages advise.
    const settings: BuildOptions = {
      bundle: true,
      platform: "node",
      format: "esm",
      external: ["better-sqlite3"],
    };
    const { warnings } = await build({ entryPoints: [entry], outfile, logLevel: "silent", ...settings });
    expect(warnings).toEqual([]);
    expect(await app.run(outfile)).toBe("1\n1\n");
  });

  it("rollup", async () => {
    const warnings: string[] = [];
    const bundle = await rollup({
      input: entry,
      external: ["better-sqlite3"],
      plugins: [nodeResolve({ preferBuiltins: true })],
      onwarn: ({ message }) => warnings.push(message),
    });
    const file = join(app.folder, "dist", "rollup.mjs");
    await bundle.write({ file, format: "es", inlineDynamicImports: true });
    await bundle.close();
    expect(warnings).toEqual([]);
    expect(await app.run(file)).toBe("1\n1\n");
  });
});
