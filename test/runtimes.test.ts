import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, inject, it } from "vitest";
import { ConsumerProject } from "./consumer-project.js";

const run = promisify(execFile);
const project = new ConsumerProject(inject("consumerFolder"));
const program = new URL("./fixtures/run-kit.mjs", import.meta.url);

/** Runs the program of a runtime from npm's `.bin`. */
async function start(runtime: string, ...args: string[]): Promise<string> {
  const bin = fileURLToPath(new URL(`../node_modules/.bin/${runtime}`, import.meta.url));
  const shell = process.platform === "win32";
  const env = { ...process.env, DATABASE_URL: inject("databaseUrl") };
  return (await run(shell ? `${bin}.cmd` : bin, args, { cwd: project.folder, env, shell })).stdout;
}

beforeAll(async () => {
  await project.write("run-kit.mjs", await readFile(program, "utf8"));
});

describe.each([
  ["bun", []],
  ["deno", ["run", "--allow-all"]],
])("%s", (runtime, args) => {
  it("is installed for this machine", async () => {
    expect(await start(runtime, "--version")).toMatch(/\d+\.\d+\.\d+/);
  });

  it.each(["memstore", "sqlstore", "pgstore"])("runs the checks of the testkit on %s", async (store) => {
    const schema = `scs_${runtime}_${randomBytes(4).toString("hex")}`;
    const output = await start(runtime, ...args, join(project.folder, "run-kit.mjs"), store, schema);
    const { held, leftOut, broken } = JSON.parse(output);
    expect(broken).toEqual([]);
    expect(held).toBeGreaterThan(100);
    expect(leftOut, "the checks that start a process of Node.js").toBe(3);
  });
});
