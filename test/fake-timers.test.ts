import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, it, vi } from "vitest";
import { ConsumerProject } from "./consumer-project.js";

const project = new ConsumerProject(inject("consumerFolder"));
const stores = ["memstore", "boltstore", "filestore", "hybridstore"];
const drivers = ["sqlstore on sqlite3", "sqlstore on better-sqlite3", "pgstore"];

/** Timeout that only a hanging store reaches. */
const LIMIT_MS = 60_000;

beforeAll(async () => {
  for (const name of ["use-under-fake-timers.mjs", "fake-timers.jest.mjs", "fake-timers.vitest.mjs"]) {
    const text = await readFile(new URL(`./fixtures/${name}`, import.meta.url), "utf8");
    await project.write(join("fake-timers", name), text);
  }
  vi.stubEnv("DATABASE_URL", inject("databaseUrl"));
});

afterAll(() => {
  vi.unstubAllEnvs();
});

/** The JSON report of both runners: passed tests, and failures with their messages. */
interface Report {
  testResults: { assertionResults: { title: string; status: string; failureMessages?: string[] }[] }[];
}

function expectAllPassed(json: string): void {
  const { testResults } = JSON.parse(json) as Report;
  const results = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = results.filter(({ status }) => status !== "passed");
  expect(failed.map(({ title, failureMessages }) => `${title}: ${failureMessages?.join("\n")}`)).toEqual([]);
  expect(results.map(({ title }) => title)).toEqual([...stores, ...drivers]);
}

/** Runs a test runner, which may fail, and returns its report. */
async function reportOf(runner: string, ...args: string[]): Promise<string> {
  const file = join(project.folder, `${runner}.json`);
  vi.stubEnv("SCS_SCHEMA", `scs_${runner}_${randomBytes(4).toString("hex")}`);
  const outcome = await project
    .tool(runner, ...args, `--outputFile=${file}`)
    .catch((error: Error) => error.message);
  return readFile(file, "utf8").catch(() => {
    throw new Error(`${runner} wrote no report: ${outcome}`);
  });
}

it("every store answers under Jest's fake timers, and follows the clock", async () => {
  const config = {
    rootDir: join(project.folder, "fake-timers"),
    testMatch: ["**/*.jest.mjs"],
    transform: {},
    moduleFileExtensions: ["mjs", "js", "json", "node"],
    testTimeout: LIMIT_MS,
  };
  vi.stubEnv("NODE_OPTIONS", "--experimental-vm-modules");
  expectAllPassed(await reportOf("jest", "--config", JSON.stringify(config), "--json", "--forceExit"));
  vi.stubEnv("NODE_OPTIONS", "");
});

it("every store answers under vitest's fake timers, and follows the clock", async () => {
  const folder = join(project.folder, "fake-timers");
  await project.write(
    join("fake-timers", "vitest.config.mjs"),
    'export default { test: { include: ["*.vitest.mjs"] } };',
  );
  const limit = ["--test-timeout", String(LIMIT_MS)];
  expectAllPassed(await reportOf("vitest", "run", "--root", folder, ...limit, "--reporter", "json"));
});
