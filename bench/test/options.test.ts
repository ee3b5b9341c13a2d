import { expect, it } from "vitest";
import { turnsOf } from "../src/operation.js";
import { type Options, readOptions } from "../src/options.js";

const read = (line: string): Options => readOptions(line === "" ? [] : line.split(" ")) as Options;
const tasks = (line: string) => read(line).tasks.map(({ operation, inFlight }) => `${operation} ${inFlight}`);

it("by default, all stores and operations are measured, five rounds of each", () => {
  const { families, rounds, sizes, sessions, kind } = read("");
  expect(families.map(({ store }) => store)).toEqual(
    expect.arrayContaining(["memstore", "hybridstore", "boltstore", "filestore", "sqlstore", "pgstore"]),
  );
  expect({ rounds, sizes, sessions, kind }).toEqual({
    rounds: 5,
    sizes: [256],
    sessions: [10_000],
    kind: "operations",
  });
  expect(tasks("")).toEqual(
    expect.arrayContaining(["find 64", "find 1", "all 1", "mix 1", "mix 8", "mix 256"]),
  );
  expect(new Set(tasks("")).size).toBe(tasks("").length);
});

it("lists are taken apart, and commit stands for insert and update", () => {
  const { sizes, families } = read("--store hybridstore,sqlstore --size 256,2048");
  expect(sizes).toEqual([256, 2048]);
  expect(families.map(({ store }) => store)).toEqual(["hybridstore", "sqlstore"]);
  expect(tasks("--op find,commit --in-flight 1,64")).toEqual([
    "find 1",
    "find 64",
    "insert 1",
    "insert 64",
    "update 1",
    "update 64",
  ]);
  expect(tasks("--op mix --in-flight 16")).toEqual(["mix 16"]);
  expect(tasks("--op all,find,find --in-flight 2")).toEqual(["find 2", "all 1"]);
});

it("a store's name may be cut short", () => {
  expect(read("--store mem,mem,memstore").families.map(({ store }) => store)).toEqual(["memstore"]);
  expect(read("--store pg,sql,h").families.map(({ store }) => store)).toEqual([
    "pgstore",
    "sqlstore",
    "hybridstore",
  ]);
});

it.each([
  ["--store redis", /no store "redis"; there are: memstore, hybridstore/],
  ["--store memstore,", /no store ""; there are/],
  ["--op get", /no operation "get"; there are: find, miss, .*commit/],
  ["--size 0", /--size must be a whole number of at least 1, got "0"/],
  ["--in-flight many", /--in-flight must be/],
  ["--rounds 1.5", /--rounds must be/],
  ["--sessions 10,20", /several numbers with --growth and --cleanup alone/],
  ["--sessions 100 --op mix", /--sessions must be at least 256/],
  ["--growth --op find", /--op says nothing with --growth/],
  ["--http --sessions 10", /--sessions says nothing with --http/],
  ["--route read", /--route says nothing to a run of operations/],
  ["--growth --size 256,2048", /--growth takes one --size at a time/],
  ["--growth --processes 2", /--growth and --processes are two runs: one of them/],
  ["--http --cleanup", /one of them/],
  ["--http --route write", /no route "write"; there are: read, modify, idle/],
  ["--http --stack Koa", /no stack "Koa"; there are: Express 5, node:http/],
  ["--colour", /Unknown option '--colour'/],
])("%s is refused with what to write instead", (line, message) => {
  expect(() => read(line)).toThrow(message);
});

it("--quick is one short round of everything", () => {
  const quick = read("--quick");
  expect(quick).toMatchObject({ rounds: 1, isQuick: true });
  expect(new Set(quick.tasks.map(({ operation }) => operation)).size).toBe(11);
  expect(read("--quick --rounds 3").rounds).toBe(3);
});

it("in each round another contender begins, and the others follow in turn", () => {
  expect([0, 1, 2, 3].map((round) => turnsOf(3, round))).toEqual([
    [0, 1, 2],
    [1, 2, 0],
    [2, 0, 1],
    [0, 1, 2],
  ]);
});

it("--growth goes to a million sessions", () => {
  expect(read("--growth")).toMatchObject({ kind: "growth", sessions: [1_000, 10_000, 100_000, 1_000_000] });
  expect(read("--growth --sessions 10,20").sessions).toEqual([10, 20]);
  expect(read("--processes 1,2,4")).toMatchObject({ kind: "processes", processes: [1, 2, 4] });
});

it("--http goes to one stack and all routes, --cleanup to a million sessions", () => {
  expect(read("--http")).toMatchObject({
    ...{ kind: "http", stacks: ["Express 5"], routes: ["read", "modify", "idle"] },
    ...{ connections: [32], measureMs: 1000 },
  });
  expect(read("--http --in-flight 8,16 --route read")).toMatchObject({
    connections: [8, 16],
    routes: ["read"],
  });
  expect(read("--cleanup")).toMatchObject({ kind: "cleanup", sessions: [1_000_000] });
});

it("--help is asked for", () => {
  expect(readOptions(["--help"])).toBe("help");
});
