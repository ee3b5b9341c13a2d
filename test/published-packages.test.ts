import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Cluster } from "../packages/pgstore/test/fixtures/cluster.js";
import { ConsumerProject } from "./consumer-project.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const MINUTE_MS = 60_000; // npm, compilers and child processes, on a machine that may be busy

let project: ConsumerProject;

/** For the examples that want a database; `DATABASE_URL` says where it is. */
let server: Cluster;

beforeAll(async () => {
  project = await ConsumerProject.create();
  server = await Cluster.start();
}, 3 * MINUTE_MS);

afterAll(async () => {
  await server.remove();
  await project.remove();
});

/** The `ts` blocks of a Markdown file. */
async function examplesIn(file: string): Promise<string[]> {
  const text = await readFile(join(root, file), "utf8");
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code as string);
}

it("a tarball holds dist, README, LICENSE and package.json, and no path of the workspace", {
  timeout: MINUTE_MS,
}, async () => {
  expect(project.tarballs.map(({ name }) => name).sort()).toEqual([
    "@scs/boltstore",
    "@scs/core",
    "@scs/filestore",
    "@scs/hybridstore",
    "@scs/memstore",
    "@scs/pgstore",
    "@scs/session",
    "@scs/sqlstore",
    "@scs/testkit",
  ]);
  for (const { name } of project.tarballs) {
    const installed = join(project.folder, "node_modules", name);
    const script = `import { readdirSync } from "node:fs"; console.log(readdirSync(${JSON.stringify(installed)}).sort().join())`;
    const entries = (await project.run("--input-type=module", "--eval", script)).trim();
    const more = name === "@scs/pgstore" ? ",schema.sql" : "";
    expect(entries.replace(",node_modules", ""), name).toBe(`LICENSE,README.md,dist,package.json${more}`);
    expect(await readFile(join(installed, "package.json"), "utf8"), name).not.toMatch(/workspace:|catalog:/);
  }
});

it("publint finds nothing to say of any package", { timeout: MINUTE_MS }, async () => {
  for (const { file } of project.tarballs) {
    const { buffer } = new Uint8Array(await readFile(file));
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
    expect(messages.map((message) => formatMessage(message, pkg as Record<string, unknown>))).toEqual([]);
  }
});

it("the types of each package are right for every way to import it that Node.js has", {
  timeout: 2 * MINUTE_MS,
}, async () => {
  // The packages are ESM alone: `require` gets them too, from Node 20.19 on, which is what esm-only leaves out.
  for (const { file } of project.tarballs) {
    await project.tool(
      "@arethetypeswrong/cli:attw",
      file,
      "--profile",
      "esm-only",
      "--exclude-entrypoints",
      "schema.sql", // to be read, not imported
      "--no-emoji",
      "--no-color",
    );
  }
});

const program = (load: (name: string) => string): string => `
${load("boltstore")}
${load("core")}
${load("filestore")}
${load("hybridstore")}
${load("memstore")}
${load("pgstore")}
${load("session")}
${load("sqlstore")}
${load("testkit")}
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

it("a TypeScript project imports the packages, and a CommonJS one requires them", {
  timeout: 2 * MINUTE_MS,
}, async () => {
  const files = [
    await project.write(
      "imports.mts",
      program((name) => `import * as ${name} from "@scs/${name}";`),
    ),
    await project.write(
      "requires.cts",
      program((name) => `import ${name} = require("@scs/${name}");`),
    ),
  ];
  await project.compile("--skipLibCheck", "false", ...files);
  const output = `1 string true\n${"UNAVAILABLE\n".repeat(4)}TypeError\n`;
  expect(await project.run("imports.mjs")).toBe(output);
  expect(await project.run("requires.cjs")).toBe(output);
});

/** Runs a program to its end; or, if it says where it serves, until that has answered a request. */
async function runExample(script: string): Promise<void> {
  const child = spawn(process.execPath, [script], {
    cwd: project.folder,
    // What an example leaves in the folder for temporary files goes with the project.
    env: { ...process.env, DATABASE_URL: server.url, TMPDIR: project.folder, TEMP: project.folder },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const served = new Promise<void>((resolve, reject) => {
    const listen = (text: Buffer): void => {
      output += text;
      const address = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0];
      if (address === undefined) return;
      child.stdout.off("data", listen);
      fetch(address)
        .then((response) => expect(response.status, script).toBe(200))
        .then(resolve, reject)
        .finally(() => child.kill());
    };
    child.stdout.on("data", listen);
    child.stderr.on("data", (text: Buffer) => {
      output += text;
    });
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once("close", (code, signal) => {
      if (code === 0 || child.killed) resolve();
      else reject(new Error(`${basename(script)} ended with ${code ?? signal}:\n${output}`));
    });
  });
  await Promise.race([served, ended]);
  await ended;
}

it.each([
  "README.md",
  "packages/boltstore/README.md",
  "packages/core/README.md",
  "packages/filestore/README.md",
  "packages/hybridstore/README.md",
  "packages/memstore/README.md",
  "packages/pgstore/README.md",
  "packages/session/README.md",
  "packages/sqlstore/README.md",
  "packages/testkit/README.md",
])("the example in %s compiles and runs as it stands", { timeout: 2 * MINUTE_MS }, async (readme) => {
  const examples = await examplesIn(readme);
  expect(examples.length).toBeGreaterThan(0);
  for (const [index, example] of examples.entries()) {
    // Examples listen on port 3000, which may be taken here.
    const file = `${readme.replaceAll(/\W/g, "-")}-${index}`;
    await project.compile(await project.write(`${file}.mts`, onAnyPort(example)));
    await runExample(join(project.folder, `${file}.mjs`));
  }
});

it("the READMEs say how many checks there are", async () => {
  const script = `import * as kit from "@scs/testkit"; console.log(Object.values(kit).filter(Array.isArray).flat().length);`;
  const count = (await project.run("--input-type=module", "--eval", script)).trim();
  expect(await readFile(join(root, "README.md"), "utf8")).toContain(`${count} executable checks`);
  expect(await readFile(join(root, "packages/testkit/README.md"), "utf8")).toContain(`${count} sentences`);
});

/** Lets a server listen on any free port, and print which. */
function onAnyPort(example: string): string {
  return example.replace(
    /(?:(const server) = )?(app|server)\.listen\(3000, "127\.0\.0\.1", .*\);/,
    (_line, _declared, name: string) =>
      `const listening = ${name}.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + (listening.address() as { port: number }).port));`,
  );
}

it("the store of CONTRIBUTING.md passes testStore as it stands", { timeout: MINUTE_MS }, async () => {
  const files = await examplesIn("CONTRIBUTING.md");
  const folder = join(project.folder, "mystore");
  await mkdir(join(folder, "src"), { recursive: true });
  await mkdir(join(folder, "test"));
  for (const code of files) {
    const path = /^\/\/ (\S+)\n/.exec(code)?.[1] ?? "";
    await project.write(join("mystore", path), code);
    expect(code.split("\n").length, "a store of 40 lines").toBeLessThanOrEqual(40);
  }
  expect(await project.tool("vitest", "run", "--root", folder, "--reporter", "json")).toContain(
    '"success":true',
  );
});
