import { execFile } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, it } from "vitest";
import { parseResults, type Results } from "../src/results.js";

const pathOf = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const lying = pathOf("./fixtures/lying-contenders.js");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "scs-bench-test-"));
  await chmod(folder, 0o755); // PostgreSQL is another user's process, if this one is root's
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs the command, with its temporary files in a folder that is looked at. */
function bench(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const env = { ...process.env, TMPDIR: folder, TEMP: folder, TMP: folder };
  return new Promise((resolve) => {
    execFile(process.execPath, [pathOf("../dist/cli.js"), ...args], { env }, (error, output, errors) =>
      resolve({ code: typeof error?.code === "number" ? error.code : 0, output, errors }),
    );
  });
}

const read = async (file: string): Promise<Results> => parseResults(await readFile(file, "utf8"), file);

it("--quick measures every operation of a store in memory and of one on disk, and leaves nothing behind", async () => {
  const out = join(folder, "out");
  const { code, output, errors } = await bench(
    "--quick",
    "--store",
    "memstore,filestore",
    "--only",
    "memstore,MemoryStore,Map,filestore,session-file-store",
    "--out",
    out,
  );
  expect(errors).toBe("");
  expect(code).toBe(0);
  const { cells, contenders } = await read(join(out, "results.json"));
  for (const store of ["memstore", "filestore"]) {
    const measured = cells.filter(
      ({ contender, rounds }) => contender === store && "perSecond" in (rounds[0] ?? {}),
    );
    expect(new Set(measured.map(({ operation }) => operation)).size, store).toBe(11);
    expect(output).toContain(`${store}: find, 64 in flight, 256 sessions of 256 bytes`);
  }
  expect(contenders.memstore?.MemoryStore).toMatchObject({ role: "peer", durability: "memory" });
  expect(await readdir(out)).toEqual(["filestore.svg", "memstore.svg", "results.json", "tables.txt"]);
  expect((await readdir(folder)).filter((name) => name !== "out")).toEqual([]);
});

it("a contender that lies, fails, dies or does not open is void, says why, and the command fails", async () => {
  const json = join(folder, "lying.json");
  const { code, output, errors } = await bench(
    ...["--quick", "--store", "mem", "--op", "find,update", "--with", lying, "--json", json],
    ...["--only", "honest,loses writes,fails,ends its process,does not open,memstore"],
  );
  expect(code).toBe(1);
  expect(output).toMatch(/loses writes \(peer\) +memory +void/);
  expect(errors).toMatch(/loses writes, update, 64 in flight: a session/);
  expect(errors).toMatch(/fails, find, 64 in flight: Error: out of order/);
  expect(errors).toMatch(/ends its process, find, 64 in flight: its process ended/);
  expect(errors).toMatch(/does not open, find, 64 in flight: Error: no such file/);
  const { cells } = await read(json);
  const figures = cells.filter(({ rounds }) => rounds.every((round) => "perSecond" in round));
  expect(new Set(figures.map(({ contender }) => contender))).toEqual(new Set(["memstore", "honest"]));
});

it("pgstore is measured beside its peers on a server that is started for it, and statements are counted", async () => {
  const json = join(folder, "pg.json");
  const only = "pgstore,connect-pg-simple";
  const options = ["--quick", "--store", "pg", "--op", "find", "--only", only, "--json", json];
  expect(await bench(...options)).toMatchObject({ code: 0, errors: "" });
  const { cells, skipped, versions } = await read(json);
  if (skipped.some((line) => line.includes("no postgres could be started here"))) return;
  expect(versions.postgres).toMatch(/^\d+/);
  expect(cells.map(({ contender }) => contender)).toEqual(only.split(","));
  for (const { rounds } of cells) expect(rounds[0]).toMatchObject({ perSecond: expect.any(Number) });
  const [ours, theirs] = cells.map(({ statements }) => Number(statements));
  expect(ours).toBeLessThan(0.5); // batches
  expect(theirs).toBeCloseTo(1, 2);
});

it("a name that is unknown is an error that lists the known ones", async () => {
  const { code, errors } = await bench("--store", "redisstore");
  expect(code).toBe(2);
  expect(errors).toMatch(/^no store "redisstore"; there are: memstore, /);
});

it("--growth, --processes, --http, --add and --compare work together", async () => {
  const json = join(folder, "parts.json");
  const parts = [
    ["--quick", "--store", "mem", "--op", "find", "--only", "memstore,Map"],
    ["--growth", "--store", "hybrid", "--sessions", "200,400", "--rounds", "1", "--add", json],
    ["--http", "--quick", "--store", "mem", "--route", "modify", "--in-flight", "4", "--add", json].concat(
      "--only",
      "@scs/session on memstore,express-session on MemoryStore",
    ),
    [
      "--processes",
      "1,2",
      "--store",
      "bolt",
      "--sessions",
      "200",
      "--rounds",
      "1",
      "--ms",
      "10",
      "--add",
      json,
    ],
  ];
  for (const part of parts)
    expect(await bench(...part, "--json", json)).toMatchObject({ code: 0, errors: "" });
  const { cells, growth, processes, http } = await read(json);
  expect(http.map(({ contender, rounds }) => [contender, "perSecond" in (rounds[0] ?? {})])).toEqual(
    ["@scs/session on memstore", "express-session on MemoryStore"].map((name) => [name, true]),
  );
  expect(cells.map(({ contender }) => contender)).toEqual(["memstore", "Map"]);
  expect(
    growth.map(({ sessions, rounds }) => [sessions, Object.keys(rounds[0] ?? {}).includes("openingMs")]),
  ).toEqual([
    [200, true],
    [400, true],
  ]);
  expect(growth[0]?.rounds[0]).toMatchObject({
    delays: { idle: {}, entries: {}, deleteExpired: {}, snapshot: {} },
  });
  expect(
    processes.map(({ operation, processes: count, rounds }) => [
      operation,
      count,
      "perSecond" in (rounds[0] ?? {}),
    ]),
  ).toEqual(
    [1, 2].flatMap((count) => [
      ["find", count, true],
      ["update", count, true],
    ]),
  );
  const shown = await bench("--show", json, "--compare", json);
  expect(shown).toMatchObject({ code: 0, errors: "" });
  expect(shown.output).toContain("hybridstore: growth");
  expect(shown.output).toContain(
    "HTTP, memstore: Express 5, a route that changes the session, 4 connections",
  );
  expect(shown.output).toContain("Several processes on one backend");
  expect(shown.output).not.toMatch(/\) !/);
});
