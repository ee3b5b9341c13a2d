import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FAMILIES, loadFamily } from "../dist/contenders/families.js";
import { Servers } from "../dist/harness/servers.js";
import { failuresOf } from "../dist/report/tables.js";
import { parseResults, type Results } from "../dist/scenarios/results.js";
import { Run } from "../dist/scenarios/run.js";

const command = fileURLToPath(new URL("../dist/cli.js", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "scs-bench-test-"));
  await chmod(folder, 0o755); // PostgreSQL runs as another user if this process is root's
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const environment = () => ({ ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder });
const read = async (file: string): Promise<Results> => parseResults(await readFile(file, "utf8"), file);

function bench(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, ...args], { env: environment() }, (error, output, errors) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, output, errors }),
    );
  });
}

const isMeasured = (rounds: readonly object[]) => rounds.length > 0 && "perSecond" in (rounds[0] as object);

it("--quick measures every store beside its contenders, and leaves nothing behind", {
  timeout: 600_000,
}, async () => {
  const json = join(folder, "all.json");
  const { code, output, errors } = await bench("--quick", "--op", "find", "--in-flight", "8", "--json", json);
  expect(errors).toBe("");
  expect(code).toBe(0);
  const { stores } = await read(json);
  expect(Object.keys(stores)).toEqual(Object.keys(FAMILIES));
  for (const [store, { contenders, cells, skipped }] of Object.entries(stores)) {
    const family = await loadFamily(FAMILIES[store] as string);
    expect(family.store).toBe(store);
    for (const { name, open } of family.contenders) {
      const isHere = name in contenders;
      expect(isHere || skipped.some((line) => line.startsWith(`${name}: `)), name).toBe(true);
      if (!isHere || open === undefined) continue;
      const cell = cells.find(({ contender }) => contender === name);
      expect(isMeasured(cell?.rounds ?? []), name).toBe(true);
    }
    expect(output).toContain(`${store}: calls a second`);
  }
  expect(await readdir(folder)).toEqual(["all.json"]);
});

it("--json keeps the other stores of a file, and measures requests", { timeout: 600_000 }, async () => {
  const json = join(folder, "kept.json");
  await writeFile(json, JSON.stringify({ format: 2, stores: { other: { cells: [] } } }));
  const given = ["--quick", "--store", "mem", "--op", "http-write,deleteExpired", "--in-flight", "4"];
  expect(await bench(...given, "--json", json)).toMatchObject({ code: 0, errors: "" });
  const { other, memstore } = (await read(json)).stores;
  expect(other).toEqual({ cells: [] });
  const measured = memstore?.cells.filter(({ rounds }) => isMeasured(rounds)) ?? [];
  const namesOf = (name: string) =>
    measured.filter(({ operation }) => operation === name).map(({ contender }) => contender);
  expect(namesOf("deleteExpired")).toEqual(["memstore", "memstore + JSON", "memorystore"]);
  expect(namesOf("http-write")).toEqual(expect.arrayContaining(["memstore + JSON", "MemoryStore"]));
});

it("voids a contender that lies, dies or does not open, and reports the reason", {
  timeout: 600_000,
}, async () => {
  const operations = ["find", "update", "touch", "http-write"] as const;
  const tasks = operations.map((operation) => ({ operation, inFlight: 8 }));
  const run = new Run({ tasks, sizes: [256], isQuick: true }, folder, new Servers(folder));
  const results = await run.measure(new URL("./fixtures/lying-family.js", import.meta.url).href);
  const failures = failuresOf("lying", results).join("\n");
  for (const reason of [
    /loses writes, update, 8 in flight: a session/,
    /keeps nothing on the disk, find, 8 in flight: a session was not found/,
    /fails later, touch, 8 in flight: Error: out of order/,
    /fails later, find, 8 in flight: a session was not found/,
    /ends its process, find, 8 in flight: its process ended with 7/,
    /does not open, find, 8 in flight: Error: no such file/,
    /answers requests wrongly, http-write, 8 in flight: .*cookie/,
  ])
    expect(failures).toMatch(reason);
  const figures = results.cells.filter(({ rounds }) => isMeasured(rounds));
  expect(new Set(figures.map(({ contender }) => contender))).toEqual(
    new Set(["honest", "answers requests wrongly"]),
  );
});

it("skips a contender whose server cannot be started, and reports the reason", async () => {
  const directory = join(folder, "there is no such folder");
  const servers = new Servers(directory);
  const run = new Run({ tasks: [], sizes: [256], isQuick: true }, directory, servers);
  const { contenders, skipped } = await run.measure(FAMILIES.pgstore as string);
  expect(contenders).toEqual({});
  expect(skipped.find((line) => line.startsWith("pgstore: "))).toMatch(
    /no postgres could be started here: .*ENOENT/,
  );
  expect(await servers.versions()).toEqual({});
  await servers.close();
});

it.skipIf(process.platform === "win32")(
  "leaves the earlier results unchanged, and no files behind, when a run is stopped",
  { timeout: 600_000 },
  async () => {
    const json = join(folder, "stopped.json");
    const before = JSON.stringify({ format: 2, stores: {} });
    await writeFile(json, before);
    const args = [command, "--store", "pg", "--op", "find", "--json", json];
    const child = spawn(process.execPath, args, { env: environment(), stdio: "ignore" });
    const closed = once(child, "close");
    const runs = async () => (await readdir(folder)).filter((name) => /^scs-bench-(?!test)/.test(name));
    const isAtWork = async () => {
      const [run] = await runs();
      return (
        run !== undefined && existsSync(join(folder, run)) && (await readdir(join(folder, run))).length > 1
      );
    };
    while (!(await isAtWork())) await new Promise(setImmediate);
    child.kill("SIGTERM");
    expect(await closed).toEqual([null, "SIGTERM"]);
    expect(await readFile(json, "utf8")).toBe(before);
    expect(await runs()).toEqual([]);
  },
);

it.each([
  [["--store", "nostore"], /^no store "nostore"; there are: .*memstore/],
  [["--op", "sort"], /^no operation "sort"; there are: find, /],
  [["--size", "10"], /^--size must be whole numbers of at least \d+, got "10"/],
  [["--in-flight", "many"], /^--in-flight must be whole numbers of at least 1, got "many"/],
  [["--rounds", "5"], /Unknown option '--rounds'/],
  [["--json", "/there/is/no/folder/x.json"], /^cannot write to the folder/],
])("%j is refused in one line", async (args, message) => {
  const { code, errors } = await bench(...args);
  expect(errors).toMatch(message);
  expect(errors.trim().split("\n")).toHaveLength(1);
  expect(code).toBe(2);
});
