import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { devalueCodec, type SessionMeta } from "../src/index.js";
import { compareValues } from "../src/state/value-comparison.js";
import { valueGraph } from "./fixtures/value-graph.js";

const encode = (values: Record<string, unknown>): Uint8Array =>
  devalueCodec.encode({ version: 1, deadline: 1, meta: {} as SessionMeta, values });
const copyOf = (values: Record<string, unknown>): Record<string, unknown> =>
  devalueCodec.decode(encode(values)).values;

/** Changes one place of the values: an item, a property, the order of keys, or a repeated reference. */
function change(values: Record<string, unknown>, from: number, to: number, kind: number): void {
  const objects = Object.values(values);
  const [node, other] = [objects[from % objects.length], objects[to % objects.length]];
  if (Array.isArray(node)) {
    if (kind === 0) node.reverse();
    else if (kind === 1) node.length++;
    else node[to] = other;
  } else if (node instanceof Map || node instanceof Set) {
    const [first] = node as Iterable<never>;
    if (kind === 0 && first !== undefined) node.delete(node instanceof Map ? first[0] : first);
    else if (node instanceof Map) node.set(other, to % 2 === 0 ? -0 : 0);
    else node.add(other);
  } else if (node instanceof Uint8Array && node.length > 0) node[0] = to;
  else if (node instanceof Date) node.setTime(to);
  else if (node instanceof URL) node.hash = `${to}`;
  else if (node instanceof RegExp) node.lastIndex = to;
  else if (typeof node === "object" && node !== null && !ArrayBuffer.isView(node)) {
    const [key = "a"] = Object.keys(node);
    const value = (node as Record<string, unknown>)[key];
    if (kind === 0) delete (node as Record<string, unknown>)[key];
    if (!(node instanceof ArrayBuffer)) {
      Object.defineProperty(node, key, {
        value: kind < 2 ? value : other,
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
  }
}

describe("compareValues", () => {
  it("treats any graph of values and its copy as equal", () => {
    fc.assert(
      fc.property(valueGraph, (values) => {
        expect(compareValues(values, copyOf(values))).toBe("same");
      }),
      { numRuns: 300 },
    );
  });

  it("treats two graphs as different exactly if their bytes differ", () => {
    const place = fc.nat(7);
    fc.assert(
      fc.property(valueGraph, place, place, fc.nat(2), (values, from, to, kind) => {
        const changed = copyOf(values);
        change(changed, from, to, kind);
        const isSame = Buffer.compare(encode(values), encode(changed)) === 0;
        expect(compareValues(values, changed)).toBe(isSame ? "same" : "different");
        expect(compareValues(changed, values)).toBe(isSame ? "same" : "different");
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, unknown, unknown]>([
    ["-0 and 0", [-0], [0]],
    ["1 and 1n", [1], [1n]],
    ["a hole and undefined", new Array(1), [undefined]],
    ["a missing and an undefined property", {}, { a: undefined }],
    ["an object and one without a prototype", {}, Object.create(null)],
    ["a Buffer and the same bytes", Buffer.from("a"), new Uint8Array([97])],
    ["views of the same bytes", new Uint8Array(8), new Float64Array(1)],
    ["a list and an object of the same keys", ["a"], { 0: "a" }],
    ["a list and one with a property", ["a"], Object.assign(["a"], { b: 1 })],
    [
      "a list with a hole and one with a property in its place",
      new Array(1),
      Object.assign(new Array(1), { b: undefined }),
    ],
    ["an object and one with a hidden property", {}, Object.defineProperty({}, "a", { value: 1 })],
    ["an object and a primitive", {}, 1],
    ["a value and null", {}, null],
    ["instances of two classes", new (class {})(), new (class {})()],
    ["a function and another", [() => 1], [() => 1]],
  ])("tells %s apart, both ways", (_, one, other) => {
    expect(compareValues(one, other)).toBe("different");
    expect(compareValues(other, one)).toBe("different");
  });

  it("detects an added symbol key", () => {
    expect(compareValues({ [Symbol("a")]: 1 }, {})).toBe("different");
  });

  it("distinguishes a repeated object from two equal ones, both ways", () => {
    const shared = {};
    expect(compareValues([shared, shared], [{}, {}])).toBe("different");
    expect(compareValues([{}, {}], [shared, shared])).toBe("different");
  });

  it("distinguishes circular references of different lengths", () => {
    const short: unknown[] = [];
    short.push(short);
    const long: unknown[] = [[]];
    (long[0] as unknown[]).push(long);
    expect(compareValues(short, long)).toBe("different");
    expect(compareValues(long, short)).toBe("different");
  });
});
