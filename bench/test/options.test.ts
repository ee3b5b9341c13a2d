import { expect, it } from "vitest";
import { namesIn } from "../src/names.js";
import { turnsOf } from "../src/operation.js";
import { type Options, readOptions } from "../src/options.js";
import { createSession, leastSize } from "../src/sessions.js";

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

it("an option that is given again adds to its list", () => {
  expect(read("--store mem --store pg --size 256 --size 512,256")).toMatchObject({
    families: [{ store: "memstore" }, { store: "pgstore" }],
    sizes: [256, 512],
  });
  expect(read("--http --route read,read --stack node:http").routes).toEqual(["read"]);
  expect(read("-- --quick").isQuick).toBe(true); // pnpm passes it on
});

it("what npm keeps for itself, without -- before it, is refused", () => {
  expect(() => readOptions([], { npm_config_quick: "true" })).toThrow("npm run bench -- --quick");
  expect(readOptions(["--quick"], { npm_config_cache: "/tmp" })).toMatchObject({ isQuick: true });
});

const known = ["file, sync, rename", "file, rename", "file", "pg, batched", "raw pg"];

it.each([
  ["pg, batched", ["pg, batched"]],
  ["file,file, rename , file, sync, rename", ["file", "file, rename", "file, sync, rename"]],
  ["raw pg", ["raw pg"]],
])("the names in %j are found, commas and all", (list, names) => {
  expect(namesIn("contender", [list], known)).toEqual(names);
});

it.each([
  ["raw pg,", ""],
  ["pg", "pg"],
  ["file, sink, rename", "sink"],
])("in %j, %j is no name", (list, name) => {
  expect(() => namesIn("contender", [list], known)).toThrow(`no contender "${name}"; there are: file, sync`);
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
  ["--size 100", /--size must be at least 208: so much JSON is a session/],
  ["--cleanup --store mem", /--store says nothing with --cleanup/],
  ["--show x.json --store pg", /--store says nothing with --show/],
  ["--show x.json --quick", /--quick says nothing with --show/],
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

it("in each round another contender begins, and every other round goes backwards", () => {
  expect([0, 1, 2, 3].map((round) => turnsOf(4, round))).toEqual([
    [0, 1, 2, 3],
    [1, 0, 3, 2],
    [2, 3, 0, 1],
    [3, 2, 1, 0],
  ]);
  expect([turnsOf(1, 1), turnsOf(0, 1)]).toEqual([[0], []]);
});

it("the least size is that of the largest session", () => {
  const expiry = new Date();
  const size = leastSize();
  for (let index = 0; index < 5000; index++) createSession(index, 1, size, expiry);
  expect(() => createSession(996, 1, size - 1, expiry)).toThrow(`at least ${size} bytes, not ${size - 1}`);
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
