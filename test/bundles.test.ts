import { cp, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeResolve } from "@rollup/plugin-node-resolve";
import { type BuildOptions, build } from "esbuild";
import { rollup } from "rollup";
import { afterAll, beforeAll, describe, expect, inject, it } from "vitest";
import { ConsumerProject } from "./consumer-project.js";

const project = new ConsumerProject(inject("consumerFolder"));

const program = (driver: string, handle: string): string => `
import Driver from "${driver}";
import { SqlStore, openSqlStore } from "@scs/sqlstore";

const opened = await openSqlStore(":memory:", { driver: "${driver}" });
const db = ${handle};
const handed = new SqlStore(db);
await handed.createTable();
for (const store of [opened, handed]) {
  await store.commit("t", new Uint8Array([1]), new Date(Date.now() + 60_000));
  console.log((await store.find("t"))?.data.length);
  await store[Symbol.asyncDispose]();
}
db.close();
`;

describe.each([
  ["better-sqlite3", 'new Driver(":memory:")'],
  ["sqlite3", 'new Driver.Database(":memory:")'],
])("sqlstore in a bundle of an app that has one driver, %s", (driver, handle) => {
  let app: ConsumerProject;
  let entry: string;

  beforeAll(async () => {
    app = new ConsumerProject(await mkdtemp(join(tmpdir(), "scs-one-driver-")));
    entry = await app.write("app.js", program(driver, handle));
    for (const name of ["core", "sqlstore"]) {
      const own = join("node_modules", "@scs", name);
      await cp(join(project.folder, own), join(app.folder, own), { recursive: true });
    }
    await app.link(driver, join(project.folder, "node_modules", driver));
  });

  afterAll(() => app.remove());

  // A driver with a native part stays outside of a bundle, as the bundlers' own pages advise.
  it("esbuild", async () => {
    const outfile = join(app.folder, "dist", "esbuild.mjs");
    const settings: BuildOptions = { bundle: true, platform: "node", format: "esm", external: [driver] };
    const { warnings } = await build({ entryPoints: [entry], outfile, logLevel: "silent", ...settings });
    expect(warnings).toEqual([]);
    expect(await app.run(outfile)).toBe("1\n1\n");
  });

  it("rollup", async () => {
    const warnings: string[] = [];
    const bundle = await rollup({
      input: entry,
      external: [driver],
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
