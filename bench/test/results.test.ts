import { expect, it } from "vitest";
import { Comparison } from "../src/comparison.js";
import { headlines, latencies } from "../src/headlines.js";
import type { HttpRow } from "../src/http.js";
import { fillIn, readmesOf, sectionsOf } from "../src/performance.js";
import { failuresOf, groupCells, tableOf, tablesOf } from "../src/report.js";
import { type CellRow, formatResults, merge, parseResults, type Results, summarise } from "../src/results.js";
import { asMarkdown, table } from "../src/table.js";
import { targetsTable } from "../src/targets.js";

const cell = (contender: string, ...rates: (number | string)[]): CellRow => ({
  store: "memstore",
  contender,
  operation: "find",
  sessions: 10,
  size: 256,
  inFlight: 64,
  rounds: rates.map((rate) =>
    typeof rate === "string" ? { failure: rate } : { perSecond: rate, p50: 1, p99: 2, client: 0.5 },
  ),
});

function resultsOf(...cells: CellRow[]): Results {
  const fact = (
    role: "ours" | "peer" | "limit",
    takes: string,
    durability: "memory" | "flushed" = "memory",
  ) => ({ role, takes, durability }) as const;
  return {
    format: 1,
    date: "2026-01-01T00:00:00.000Z",
    machine: { cpu: "a CPU", cores: 2, memoryGiB: 4, kernel: "Linux 6", fileSystem: "ext4 (rw)" },
    versions: { node: "20.20.0" },
    contenders: {
      memstore: {
        memstore: fact("ours", "bytes"),
        "memstore + JSON": fact("ours", "objects"),
        peer: fact("peer", "objects"),
        durable: fact("peer", "objects", "flushed"),
        limit: fact("limit", "bytes"),
      },
    },
    cells,
    growth: [],
    processes: [],
    cleanup: [],
    http: [],
    skipped: ["connect-redis: no redis-server is installed"],
  };
}

const results = resultsOf(
  cell("memstore", 100, 200, 300),
  cell("memstore + JSON", 50, 100, 150),
  cell("peer", 10, 20, 30),
  cell("durable", 1, 2, 3),
  cell("limit", 200, 400, 600),
);

const rowOf = (name: string, given: Results, comparison?: Comparison) => {
  const [group] = groupCells(given.cells);
  if (group === undefined) throw new Error("no group");
  return tableOf(group, given, comparison)
    .rows.find(([first]) => first?.startsWith(name))
    ?.join(" | ");
};

it("a peer is set beside ours on objects, a limit beside ours on bytes", () => {
  expect(rowOf("peer", results)).toBe(
    "peer (peer) | memory | 20 (10–30) | 1.0 µs | 2.0 µs | 0.5 µs | 5.0 (5.0–5.0)",
  );
  expect(rowOf("limit", results)).toMatch(/0\.50 \(0\.50–0\.50\)$/);
});

it("another durability is shown in brackets, and in no headline", () => {
  expect(rowOf("durable", results)).toMatch(/\[50 \(50–50\)\]$/);
  const [headline] = headlines(groupCells(results.cells), results);
  expect(headline?.rows).toEqual([
    ["", "peer (peer)", "limit (limit)"],
    ["find, 64 in flight", "5.0 (5.0–5.0)", "0.50 (0.50–0.50)"],
  ]);
});

it("a failure in one round voids the cell and its ratios, and is told", () => {
  const failed = resultsOf(cell("memstore + JSON", 50, 100), cell("peer", 10, "a session was not found"));
  expect(rowOf("peer", failed)).toBe("peer (peer) | memory | void | - | - | -");
  expect(failuresOf(failed)).toEqual(["memstore: peer, find, 64 in flight: a session was not found"]);
  expect(headlines(groupCells(failed.cells), failed)).toEqual([]);
  expect(summarise([{ perSecond: 1 }, { failure: "x" }])).toEqual({ failure: "x" });
  expect(summarise([{ isAbsent: true }])).toEqual({ isAbsent: true });
});

it("a ratio that differs by more than 30 % from the other run is marked", () => {
  const other = (rate: number) =>
    new Comparison(resultsOf(cell("memstore + JSON", rate, rate, rate), cell("peer", 10, 10, 10)));
  expect(rowOf("peer", results, other(50))).toMatch(/5\.0 \(5\.0–5\.0\)$/);
  expect(rowOf("peer", results, other(65))).toMatch(/5\.0 \(5\.0–5\.0\)$/);
  expect(rowOf("peer", results, other(66))).toMatch(/5\.0 \(5\.0–5\.0\) !$/);
  expect(rowOf("peer", results, other(38))).toMatch(/ !$/);
  expect(sectionsOf(results, [], other(66)).agreement).toContain(
    "Of 1 ratios of operations that two runs have, 0 agree",
  );
});

const app = (contender: string, role: HttpRow["role"], ...rates: (number | string)[]): HttpRow => ({
  ...{ store: "memstore", contender, role, durability: "memory" },
  ...{ stack: "Express 5", route: "read", connections: 8 },
  rounds: rates.map((rate) =>
    typeof rate === "string" ? { failure: rate } : { perSecond: rate, p99: 2, client: 50 },
  ),
});

it("applications stand in one table by store and route, with the ratios of ours to each other", () => {
  const http = [
    app("@scs/session on memstore", "ours", 100, 200, 300),
    app("express-session on MemoryStore", "peer", 50, 100, 150),
    app("express-session on another", "peer", 1, "a session was not found", 1),
  ];
  const given = { ...results, http };
  const table = tablesOf(given).at(-1);
  expect(table?.title).toBe("HTTP, memstore: Express 5, a route that reads the session, 8 connections");
  expect(table?.rows[2]?.join(" | ")).toBe(
    "express-session on MemoryStore | memory | 100 (50–150) | 2.0 µs | 50 µs | 2.0 (2.0–2.0)",
  );
  expect(table?.rows[3]?.join(" | ")).toBe("express-session on another | memory | void | - | - | -");
  expect(failuresOf(given)).toEqual([
    "HTTP: express-session on another, Express 5, read: a session was not found",
  ]);
  const other = {
    ...results,
    http: [http[0] as HttpRow, app("express-session on MemoryStore", "peer", 9, 9, 9)],
  };
  expect(tablesOf(given, new Comparison(other)).at(-1)?.rows[2]?.at(-1)).toBe("2.0 (2.0–2.0) !");
  expect(tablesOf(given, new Comparison(given)).at(-1)?.rows[2]?.at(-1)).toBe("2.0 (2.0–2.0)");
});

it("of a database, the work of its server is shown, and our p99 beside the others' median", () => {
  const onServer = (contender: string, p50: number, p99: number, statements?: number): CellRow => ({
    ...cell(contender),
    rounds: [{ perSecond: 1000, p50, p99, client: 1, server: 7 }],
    ...(statements !== undefined && { statements }),
  });
  const given = resultsOf(onServer("memstore + JSON", 1, 5, 0.04), onServer("peer", 9, 30, 1));
  expect(rowOf("memstore + JSON", given)).toMatch(/ 7\.0 µs \| 40$/);
  expect(rowOf("peer", given)).toMatch(/ 7\.0 µs \| 1000$/);
  const [beside] = latencies(groupCells(given.cells), given);
  expect(beside?.rows).toEqual([
    ["", "memstore + JSON: p99", "peer: p50"],
    ["find, 64 in flight", "5.0 µs (5.0 µs–5.0 µs)", "9.0 µs (9.0 µs–9.0 µs)"],
  ]);
  expect(latencies(groupCells(results.cells), results)).toEqual([]);
});

it("what is written is read back, four digits of each figure", () => {
  const precise = resultsOf(cell("memstore", 123_456.789));
  const read = parseResults(formatResults(precise), "file");
  expect(read.cells[0]?.rounds).toEqual([{ perSecond: 123_500, p50: 1, p99: 2, client: 0.5 }]);
  expect(parseResults(formatResults(results), "file")).toEqual(results);
  expect(() => parseResults("{}", "other.json")).toThrow("other.json is no file that --json has written");
});

it("a part of a run is added to a file, the newer cell in place of the older", () => {
  const newer = resultsOf(cell("peer", 7), { ...cell("peer", 8), size: 2048 });
  const all = merge(results, newer);
  expect(all.cells).toHaveLength(results.cells.length + 1);
  expect(all.cells.find(({ contender, size }) => contender === "peer" && size === 256)?.rounds).toHaveLength(
    1,
  );
  expect(all.skipped).toEqual(results.skipped);
  const elsewhere = { ...newer, machine: { ...newer.machine, cpu: "another CPU" } };
  expect(() => merge(results, elsewhere)).toThrow(/^--add: .*another machine/);
});

it("rounds of two runs are not divided by each other", () => {
  const [mine, peer] = [cell("memstore + JSON", 50), cell("peer", 10)];
  const of = (run: string) =>
    rowOf("peer", resultsOf(cell("memstore", 1), { ...mine, run: "a" }, { ...peer, run }));
  expect(of("a")).toMatch(/5\.0 \(5\.0–5\.0\)$/);
  expect(of("b")).toMatch(/ \| $/);
});

it("what the other run does not have is marked, and counted", () => {
  const other = new Comparison(
    resultsOf(cell("memstore + JSON", 50, 100, 150), cell("peer", 10, 20, "lost")),
  );
  expect(rowOf("peer", results, other)).toMatch(/5\.0 \(5\.0–5\.0\) \?$/);
  const { agreement } = sectionsOf(results, [], other);
  expect(agreement).toContain("3 are in the first run alone");
  expect(agreement).toContain("No cell of the first is void");
  expect(agreement).toContain("- memstore: peer, find, 64 in flight: lost");
});

it("tables are aligned, and safe in Markdown", () => {
  expect(
    table([
      ["", "b"],
      ["long name", "1"],
    ]),
  ).toBe("           b\n---------  -\nlong name  1");
  expect(asMarkdown({ title: "t", rows: [["a|b", "c"]] })).toContain("| a\\|b | c |");
});

it("sections are put between their marks, again and again, and a missing mark is an error", () => {
  const page = "before\n<!-- a -->\nold\n<!-- /a -->\nafter";
  const filled = fillIn(page, { a: "new" });
  expect(filled).toBe("before\n<!-- a -->\n\nnew\n\n<!-- /a -->\nafter");
  expect(fillIn(filled, { a: "new" })).toBe(filled);
  expect(() => fillIn(page, { b: "new" })).toThrow("no marks <!-- b -->");
});

it("targets are reached or missed at equal work, and those of what was not measured are left out", () => {
  const verdicts = (...rates: [bytes: number, json: number, peer: number]) => {
    const names = ["memstore", "memstore + JSON", "MemoryStore"];
    const given = resultsOf(...names.map((name, index) => cell(name, rates[index] as number)));
    const peer = { role: "peer", takes: "objects", durability: "memory" } as const;
    Object.assign(given.contenders.memstore ?? {}, { MemoryStore: peer });
    return targetsTable(given).rows.slice(1);
  };
  expect(verdicts(600, 300, 100)).toEqual([
    ["memstore: find, 64 in flight", "MemoryStore", "3", "3.0 (3.0–3.0)", "6.0 (6.0–6.0)", "reached"],
  ]);
  expect(verdicts(300, 299, 100)[0]?.at(-1)).toBe("**missed by 1 %**; reached on bytes");
  expect(verdicts(299, 150, 100)[0]?.at(-1)).toBe("**missed by 50 %**");
  expect(targetsTable(resultsOf()).rows).toHaveLength(1);
});

it("the README of a store has its chart, and the ratios to what survives the same", () => {
  const charts = [{ name: "memstore", svg: "", alternative: "" }];
  const { memstore } = readmesOf(results, charts);
  expect(memstore).toContain("](../../docs/charts/memstore.svg)");
  expect(memstore).toContain("| find, 64 in flight | 5.0 (5.0–5.0) |");
  expect(memstore).not.toContain("durable");
});
