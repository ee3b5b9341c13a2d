import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { storeFamilies } from "../src/families.js";
import { bench, folder, read, start } from "./fixtures/command.js";

const lying = fileURLToPath(new URL("./fixtures/lying-contenders.js", import.meta.url));

it("--quick measures every operation of every store beside all that is here, and leaves nothing behind", {
  timeout: 300_000,
}, async () => {
  const out = join(folder, "out");
  const { code, output, errors } = await bench("--quick", "--out", out);
  expect(errors).toBe("");
  expect(code).toBe(0);
  const { cells, contenders, skipped } = await read(join(out, "results.json"));
  for (const { store, peers, limits } of storeFamilies) {
    const measured = cells.filter(
      ({ contender, rounds }) => contender === store && "perSecond" in (rounds[0] ?? {}),
    );
    expect(new Set(measured.map(({ operation }) => operation)).size, store).toBe(11);
    expect(output).toContain(`${store}: find, 64 in flight, 256 sessions of 256 bytes`);
    for (const name of [...peers, ...limits]) {
      const isHere = Object.keys(contenders[store] ?? {}).includes(name);
      expect(isHere || skipped.some((line) => line.startsWith(`${name}: `)), name).toBe(true);
    }
  }
  expect(contenders.memstore?.MemoryStore).toMatchObject({ role: "peer", durability: "memory" });
  const charts = storeFamilies.map(({ store }) => `${store}.svg`).sort();
  expect(await readdir(out)).toEqual([...charts, "results.json", "tables.txt"].sort());
  expect((await readdir(folder)).filter((name) => name !== "out")).toEqual([]);
});

it("what fails later does not hide what was lost before, and a server's own exit code is not that of the command", async () => {
  const json = join(folder, "later.json");
  const { code, errors } = await bench(
    ...["--quick", "--store", "pg", "--op", "find,touch", "--with", lying, "--json", json],
    ...["--only", "keeps nothing on the disk, and fails later,pgstore"],
  );
  expect(code).toBe(1);
  expect(errors).toMatch(/fails later, touch, 64 in flight: Error: out of order/);
  expect(errors).toMatch(/fails later, find, 64 in flight: a session was not found/);
  const { cells } = await read(json);
  expect(
    cells.filter(({ rounds }) => "perSecond" in (rounds[0] ?? {})).map((cell) => cell.contender),
  ).toEqual(["pgstore", "pgstore"]);
});

it("a contender that lies, fails, dies or does not open is void, says why, and the command fails", async () => {
  const json = join(folder, "lying.json");
  const { code, output, errors } = await bench(
    ...["--quick", "--store", "mem", "--op", "find,update", "--with", lying, "--json", json],
    ...[
      "--only",
      "honest,loses writes,keeps nothing on the disk,fails,ends its process,does not open,memstore",
    ],
  );
  expect(code).toBe(1);
  expect(output).toMatch(/loses writes \(peer\) +memory +void/);
  expect(errors).toMatch(/loses writes, update, 64 in flight: a session/);
  for (const operation of ["find", "update"])
    expect(errors).toContain(
      `keeps nothing on the disk, ${operation}, 64 in flight: a session was not found`,
    );
  expect(errors).toMatch(/fails, find, 64 in flight: Error: out of order/);
  expect(errors).toMatch(/ends its process, find, 64 in flight: its process ended/);
  expect(errors).toMatch(/does not open, find, 64 in flight: Error: no such file/);
  const { cells } = await read(json);
  const figures = cells.filter(({ rounds }) => rounds.every((round) => "perSecond" in round));
  expect(new Set(figures.map(({ contender }) => contender))).toEqual(new Set(["memstore", "honest"]));
});

it.skipIf(process.platform === "win32").each(["hybrid", "pg"])(
  "a run that is broken off leaves the file of the earlier one as it was, and nothing behind (%s)",
  async (store) => {
    const json = join(folder, "kept.json");
    const memory = ["--quick", "--store", "mem", "--op", "find", "--only", "memstore", "--json", json];
    expect(await bench(...memory)).toMatchObject({ code: 0 });
    const before = await readFile(json, "utf8");
    const growth = ["--growth", "--store", store, "--sessions", "1000000", "--add", json, "--json", json];
    const child = start(...growth);
    const closed = once(child, "close");
    const runs = async () => (await readdir(folder)).filter((name) => name.startsWith("scs-bench-"));
    const isAtWork = async () => {
      const [run] = await runs();
      return run !== undefined && (await readdir(join(folder, run))).length > 0;
    };
    while (!(await isAtWork()));
    child.kill("SIGTERM");
    expect(await closed).toEqual([null, "SIGTERM"]);
    expect(await readFile(json, "utf8")).toBe(before);
    expect(await runs()).toEqual([]);
  },
);

it.each([
  [["--store", "redisstore"], /^no store "redisstore"; there are: memstore, /],
  [["--store", "mem", "--only", "Mapp"], /^no contender "Mapp"; there are: memstore, /],
  [
    ["--http", "--store", "mem", "--only", "memstore"],
    /^no contender "memstore"; there are: @scs\/session on memstore, /,
  ],
])("of %j, the error lists the known names", async (args, message) => {
  const { code, errors } = await bench(...args);
  expect(code).toBe(2);
  expect(errors).toMatch(message);
});

it("--growth, --processes, --http, --add and --compare work together", async () => {
  const [json, apps] = [join(folder, "parts.json"), join(folder, "http.json")];
  const manager = "@scs/session on memstore";
  const isWell = { code: 0, errors: "" };
  const ofHttp = ["--http", "--quick", "--store", "mem", "--route", "modify", "--in-flight", "4"];
  const inMemory = ["--quick", "--store", "mem", "--op", "find", "--only", "memstore,Map"];
  const grown = ["--growth", "--store", "hybrid", "--sessions", "200", "--rounds", "1"];
  const firsts = await Promise.all([
    bench(...ofHttp, "--only", manager, "--json", apps),
    bench(...grown, "--json", json),
  ]);
  expect(firsts).toMatchObject([isWell, isWell]);
  expect(firsts[0]?.output).toContain("HTTP, memstore: Express 5, a route that changes the session");
  for (const part of [inMemory, ["--processes", "1,2", "--quick", "--store", "bolt"]])
    expect(await bench(...part, "--add", json, "--json", json)).toMatchObject(isWell);
  const { http } = await read(apps);
  const { cells, growth, processes } = await read(json);
  expect(http.map(({ contender, rounds }) => [contender, "perSecond" in (rounds[0] ?? {})])).toEqual([
    [manager, true],
  ]);
  expect(cells.map(({ contender }) => contender)).toEqual(["memstore", "Map"]);
  expect(
    growth.map(({ sessions, rounds }) => [sessions, Object.keys(rounds[0] ?? {}).includes("openingMs")]),
  ).toEqual([[200, true]]);
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
  expect(shown.output).toContain("Several processes on one backend");
  expect(shown.output).not.toMatch(/\) !/);
});
