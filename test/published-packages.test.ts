import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { beforeAll, expect, inject, it } from "vitest";
import { ConsumerProject, packages, type Tarball } from "./consumer-project.js";

const project = new ConsumerProject(inject("consumerFolder"));
let tarballs: Tarball[] = [];

beforeAll(async () => {
  tarballs = await project.tarballs();
});

it("every package is packed", async () => {
  expect(tarballs.map(({ name }) => name).sort()).toEqual((await packages()).map((name) => `@scs/${name}`));
});

it("a tarball contains LICENSE, README, package.json and its files, and no path of the workspace", async () => {
  for (const { name } of tarballs) {
    const installed = join(project.folder, "node_modules", name);
    const manifest = await readFile(join(installed, "package.json"), "utf8");
    const { files } = JSON.parse(manifest) as { files: string[] };
    const entries = (await readdir(installed)).filter((entry) => entry !== "node_modules");
    expect(entries.sort(), name).toEqual([...files, "LICENSE", "README.md", "package.json"].sort());
    expect(files, name).toContain("dist");
    expect(manifest, name).not.toMatch(/workspace:|catalog:/);
  }
});

it("publint finds no problem in any package", async () => {
  for (const { file } of tarballs) {
    const { buffer } = new Uint8Array(await readFile(file));
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg as Record<string, unknown>))).toEqual([]);
  }
});

it("the types of each package are right for every way to import it that Node.js has", async () => {
  // The packages are only ESM. `require` also loads them from Node.js 20.19 on, which the esm-only profile ignores.
  for (const { file } of tarballs) {
    await project.tool(
      "@arethetypeswrong/cli:attw",
      file,
      "--profile",
      "esm-only",
      "--exclude-entrypoints",
      "schema.sql", // for reading, not for import
      "--no-emoji",
      "--no-color",
    );
  }
});

const program = (loads: readonly string[]): string => `
${loads.join("\n")}
const expiry: Date = new Date(Date.now() + 1000);
async function main(): Promise<void> {
  const store: core.FullStore = new memstore.MemStore({ cleanupIntervalMs: 0 });
  await store.commit("t", new Uint8Array([1]), expiry);
  const record: core.SessionRecord | undefined = await store.find("t");
  const sessions = new session.SessionManager<{ userId: string }>({ store });
  const mine = await sessions.load(undefined);
  mine.set("userId", "u1");
  console.log(record?.data.length, typeof (await sessions.commit(mine)), testkit.storeChecks.length > 0);
  const code = (error: core.StoreError): string => error.code;
  console.log(await boltstore.openBoltStore("package.json/no-directory").catch(code));
  console.log(await new filestore.FileStore("package.json").find("t").catch(code));
  console.log(await hybridstore.openHybridStore("package.json/no-directory").catch(code));
  console.log(await sqlstore.openSqlStore("package.json/no-directory").catch(code));
  try {
    new pgstore.PgStore({} as pgstore.PgPool);
  } catch (error) {
    console.log((error as Error).name);
  }
  await store[Symbol.asyncDispose]();
}
void main();
`;

it("a TypeScript project imports the packages, and a CommonJS one requires them", async () => {
  const names = await packages();
  const asName = (name: string): string => name.replaceAll(/\W/g, "_");
  const imports = names.map((name) => `import * as ${asName(name)} from "@scs/${name}";`);
  const requires = names.map((name) => `import ${asName(name)} = require("@scs/${name}");`);
  const files = [
    await project.write("imports.mts", program(imports)),
    await project.write("requires.cts", program(requires)),
  ];
  await project.compile(["--skipLibCheck", "false", ...files]);
  const output = `1 object true\n${"UNAVAILABLE\n".repeat(4)}TypeError\n`;
  expect(await project.run("imports.mjs")).toBe(output);
  expect(await project.run("requires.cjs")).toBe(output);
});
