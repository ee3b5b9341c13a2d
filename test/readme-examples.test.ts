import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, inject, it, vi } from "vitest";
import { ConsumerProject } from "./consumer-project.js";
import { blocksIn, nameOf, pagesWithExamples, readmes } from "./examples.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const project = new ConsumerProject(inject("consumerFolder"));

/** Runs a program to its end or, if it prints the address of a server, until the server has answered a request. */
async function runExample(script: string): Promise<void> {
  const child = spawn(process.execPath, [script], {
    cwd: project.folder,
    // Temporary files of an example are removed with the project.
    env: {
      ...process.env,
      DATABASE_URL: inject("databaseUrl"),
      REDIS_URL: inject("redisUrl"),
      TMPDIR: project.folder,
      TEMP: project.folder,
    },
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

/** Replaces port 3000, which may be in use, by any free port. */
function onAnyPort(example: string): string {
  return example.replace(
    /(?:(const server) = )?(app|server)\.listen\(3000, "127\.0\.0\.1", .*\);/,
    (_line, _declared, name: string) =>
      `const listening = ${name}.listen(0, "127.0.0.1", () => console.log("http://127.0.0.1:" + (listening.address() as { port: number }).port));`,
  );
}

const pages = [...(await readmes()), ...(await pagesWithExamples())];

it.each(pages)("the examples in %s compile and run as they stand", async (page) => {
  const needsRedis = page.includes("redisstore") && inject("redisUrl") === "";
  const examples = await blocksIn(page, "ts");
  expect(examples.length).toBeGreaterThan(0);
  for (const [index, example] of examples.entries()) {
    const file = nameOf(page, index);
    await project.compile([await project.write(`${file}.mts`, onAnyPort(example))]);
    if (!needsRedis) await runExample(join(project.folder, `${file}.mjs`));
  }
});

/** Writes the code blocks of a page that begin with a file name into a folder of the project. */
async function writeFiles(page: string, folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const code of [...(await blocksIn(page, "ts")), ...(await blocksIn(page, "js"))]) {
    const name = /^\/\/ (\S+\/\S+)\n/.exec(code)?.[1];
    if (name === undefined) continue;
    await project.write(join(folder, name), code);
    names.push(name);
  }
  return names;
}

/**
 * Selects one check for each way of opening a store: in the process, as a second client, after a crash, with faults. The
 * packages' own tests run all checks on the same stores.
 */
const SAMPLE =
  "^(find returns the committed data|find sees the commits and deletes of another client|the background cleanup never|data and expiry of a resolved commit|loses no acknowledged write)";

it("the test files of docs/testing-a-store.md pass as they stand", async () => {
  const names = await writeFiles("docs/testing-a-store.md", "testing-a-store");
  const tests = names.filter((name) => name.endsWith(".test.js"));
  expect(tests.length).toBeGreaterThan(1);
  vi.stubEnv("DATABASE_URL", inject("databaseUrl"));
  for (const name of tests) {
    const path = join(project.folder, "testing-a-store", name);
    expect(await project.run("--test", `--test-name-pattern=${SAMPLE}`, path)).toMatch(/pass [1-9]/);
  }
});

it("the store of docs/writing-a-store.md passes testFullStore as it stands", async () => {
  const names = await writeFiles("docs/writing-a-store.md", "mystore");
  expect(names.sort()).toEqual(["src/mystore.ts", "test/mystore.test.ts", "test/open.js"]);
  const folder = join(project.folder, "mystore");
  const manifest = { name: "@scs/mystore", type: "module", exports: "./src/mystore.js" };
  await project.write("mystore/package.json", JSON.stringify(manifest));
  await project.compile([join(folder, "src/mystore.ts")]);
  const report = await project.tool(
    "vitest",
    "run",
    "--root",
    folder,
    "--test-timeout",
    "60000",
    "--reporter",
    "json",
  );
  expect(JSON.parse(report)).toMatchObject({ success: true });
  const code = await readFile(join(folder, "src/mystore.ts"), "utf8");
  expect(code.split("\n").length, "lines of a store").toBeLessThan(80);
});

it("the READMEs state the number of checks", async () => {
  const script = `import * as kit from "@scs/testkit"; console.log(Object.values(kit).filter(Array.isArray).flat().length);`;
  const count = (await project.run("--input-type=module", "--eval", script)).trim();
  expect(await readFile(join(root, "README.md"), "utf8")).toContain(`${count} executable checks`);
  expect(await readFile(join(root, "packages/testkit/README.md"), "utf8")).toContain(`${count} sentences`);
});
