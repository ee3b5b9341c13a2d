import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonCodec, type SessionContent } from "../src/index.js";

const encode = (values: Record<string, unknown>) => jsonCodec.encode({ deadline: 1_936_686_600_000, values });
const decode = (data: Uint8Array) => jsonCodec.decode(data).values;

/** JSON has no negative zero: it comes back as zero. */
const withoutNegativeZero = (value: unknown): unknown =>
  typeof value === "number"
    ? value + 0
    : Array.isArray(value)
      ? value.map(withoutNegativeZero)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNegativeZero(item)]))
        : value;

const key = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "0", "1", ""),
);
const values = fc
  .array(fc.tuple(key, fc.jsonValue({ maxDepth: 5, stringUnit: "binary" })))
  .map((entries) => Object.fromEntries(entries));

describe("jsonCodec", () => {
  it("brings back what it took, whatever the keys and values", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 8.64e15 }), (values, deadline) => {
        const content = jsonCodec.decode(jsonCodec.encode({ deadline, values }));
        expect(content).toEqual({ deadline, values: withoutNegativeZero(values) });
        expect(Object.keys(content.values)).toEqual(Object.keys(values));
      }),
    );
  });

  it("gives equal bytes for equal content, also for what it brought back", () => {
    fc.assert(
      fc.property(values, (values) => {
        const data = encode(values);
        expect(encode(structuredClone(values))).toEqual(data);
        expect(encode(decode(data))).toEqual(data);
      }),
    );
  });

  it("writes JSON in UTF-8, for other programs to read", () => {
    const content: SessionContent = {
      deadline: 1_750_000_000_000,
      values: { userId: "ü€😀", n: [1, null, true] },
    };
    const data = jsonCodec.encode(content);
    expect(Buffer.from(data).toString("utf8")).toBe(
      '{"deadline":1750000000000,"values":{"userId":"ü€😀","n":[1,null,true]}}',
    );
  });

  it("reads what other programs write, with other spaces and in another order", () => {
    const data = Buffer.from(
      ' { "values" : { "b" : 1.0 , "a" : "\\u00fc" } , "deadline" : 5, "version": 2 } ',
    );
    expect(jsonCodec.decode(data)).toEqual({ deadline: 5, values: { b: 1, a: "ü" } });
  });

  const circle: { self?: unknown } = {};
  circle.self = circle;
  class Money {
    amount = 5;
  }
  const deep = (levels: number): unknown => (levels === 0 ? 1 : [deep(levels - 1)]);

  it.each([
    ["a Date", new Date(0), "an object of class Date"],
    ["a Map", new Map(), "an object of class Map"],
    ["a Set", new Set(), "an object of class Set"],
    ["a Buffer", Buffer.from("x"), "an object of class Buffer"],
    ["a RegExp", /x/, "an object of class RegExp"],
    ["an Error", new Error("x"), "an object of class Error"],
    ["an instance of a class", new Money(), "an object of class Money"],
    ["a String object", Object("x"), "an object of class String"],
    ["an object that says how to be JSON", { toJSON: () => 1 }, "an object of class Object"],
    ["NaN", Number.NaN, "NaN"],
    ["Infinity", Number.POSITIVE_INFINITY, "Infinity"],
    ["minus Infinity", Number.NEGATIVE_INFINITY, "-Infinity"],
    ["a BigInt", 1n, "a value of type bigint"],
    ["a function", () => 1, "a value of type function"],
    ["a symbol", Symbol("x"), "a value of type symbol"],
    ["undefined", undefined, "a value of type undefined"],
    ["a hole in a list", new Array(1), "a value of type undefined"],
    ["a circle", circle, "a circle or more than 100 levels"],
    ["more than 100 levels", deep(101), "a circle or more than 100 levels"],
  ])("refuses %s, as a value, in a list and in an object, and names its key", (_, value, what) => {
    const refusal = {
      name: "SessionError",
      code: "INVALID_VALUE",
      message: `the session value "cart" holds ${what}, which JSON does not bring back`,
    };
    const nested = value === undefined ? [value] : { deeper: [value] }; // a property may be undefined
    for (const cart of [value, [1, value], nested]) {
      expect(() => encode({ fine: 1, cart })).toThrow(expect.objectContaining(refusal));
    }
  });

  it("takes a hundred levels, objects without a prototype and properties that are undefined", () => {
    const bare = Object.assign(Object.create(null), { a: 1, b: undefined });
    expect(decode(encode({ bare, deep: deep(100) }))).toEqual({ bare: { a: 1 }, deep: deep(100) });
  });

  it("does no harm with keys that every object has", () => {
    const hostile =
      '{"deadline":1,"values":{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"a":{"__proto__":{"isAdmin":true}}}}';
    const values = decode(Buffer.from(hostile));
    expect(Object.keys(values)).toEqual(["__proto__", "constructor", "a"]);
    expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
    expect(values.isAdmin).toBeUndefined();
    expect((values.a as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(Buffer.from(jsonCodec.encode({ deadline: 1, values })).toString()).toBe(hostile);
  });
});
