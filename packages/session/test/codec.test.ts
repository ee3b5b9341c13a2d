import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { devalueCodec, jsonCodec, type SessionContent, type SessionMeta } from "../src/index.js";

const head = { version: 1, deadline: 1_936_686_600_000, meta: {} } as Omit<SessionContent, "values">;
const encode = (values: Record<string, unknown>) => jsonCodec.encode({ ...head, values });
const decode = (data: Uint8Array) => jsonCodec.decode(data).values;

const key = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("__proto__", "constructor", "toString", "hasOwnProperty", "0", "1", ""),
);
const values = fc
  .array(fc.tuple(key, fc.jsonValue({ maxDepth: 5, stringUnit: "binary" })))
  // What JSON.stringify writes has no -0.
  .map((entries): Record<string, unknown> => JSON.parse(JSON.stringify(Object.fromEntries(entries))));

describe("jsonCodec", () => {
  it("restores all keys and values that it accepts", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 0, max: 8.64e15 }), (values, deadline) => {
        const content = jsonCodec.decode(jsonCodec.encode({ ...head, deadline, values }));
        assert.deepStrictEqual(content, { ...head, deadline, values });
        expect(Object.keys(content.values)).toEqual(Object.keys(values));
      }),
    );
  });

  it("returns equal bytes for equal content, also for decoded content", () => {
    fc.assert(
      fc.property(values, (values) => {
        const data = encode(values);
        expect(encode(structuredClone(values))).toEqual(data);
        expect(encode(decode(data))).toEqual(data);
      }),
    );
  });

  it("writes JSON in UTF-8, for other programs to read", () => {
    const values = { userId: "ü€😀", n: [1, null, true] };
    const meta = { seen: 5 } as unknown as SessionMeta;
    const data = jsonCodec.encode({ version: 1, deadline: 1_750_000_000_000, meta, values });
    expect(Buffer.from(data).toString("utf8")).toBe(
      '{"version":1,"deadline":1750000000000,"meta":{"seen":5},"values":{"userId":"ü€😀","n":[1,null,true]}}',
    );
  });

  it("reads JSON of other programs, with other spaces and order", () => {
    const data = Buffer.from(
      ' { "values" : { "b" : 1.0 , "a" : "\\u00fc" } , "deadline" : 5, "meta": {}, "version": 1 , "x": 2 } ',
    );
    expect(jsonCodec.decode(data)).toEqual({ version: 1, deadline: 5, meta: {}, values: { b: 1, a: "ü" } });
  });

  it.each([
    [
      "another version",
      '{"version":2,"deadline":5,"meta":{},"values":{}}',
      "a record of version 2: this release reads version 1",
    ],
    [
      "no version",
      '{"deadline":5,"meta":{},"values":{}}',
      "a record without a version: this release reads version 1",
    ],
    [
      "a version that is data",
      '{"version":"secret"}',
      "a record without a version: this release reads version 1",
    ],
    ["no head", '{"version":1,"values":{}}', "not the JSON of a session"],
    ["no object", "[]", "not the JSON of a session"],
  ])("refuses a record with %s, and says why", (_, record, message) => {
    for (const codec of [jsonCodec, devalueCodec]) {
      expect(() => codec.decode(Buffer.from(record))).toThrow(new TypeError(message));
    }
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
    ["a property with a symbol as its key", { [Symbol("x")]: 1 }, "a property with a symbol as its key"],
    ["NaN", Number.NaN, "NaN"],
    ["minus zero", -0, "-0"],
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
      message: `the session value "cart" contains ${what}, which JSON does not restore`,
    };
    const inObject = value === undefined ? [] : [{ deeper: value }]; // a property may be undefined, a value may not
    for (const cart of [value, [1, value], ...inObject]) {
      expect(() => encode({ fine: 1, cart })).toThrow(expect.objectContaining(refusal));
    }
  });

  it("accepts objects without a prototype and undefined properties", () => {
    const bare = Object.assign(Object.create(null), { a: 1, b: undefined });
    expect(decode(encode({ bare, deep: deep(100) }))).toEqual({ bare: { a: 1 }, deep: deep(100) });
  });

  it("accepts a hundred levels, and an object that occurs twice", () => {
    const twice = { a: 1 };
    expect(decode(encode({ deep: deep(100), twice: [twice, twice] }))).toEqual({
      deep: deep(100),
      twice: [{ a: 1 }, { a: 1 }],
    });
  });

  it("handles keys that every object inherits", () => {
    const hostile =
      '{"version":1,"deadline":1,"meta":{},"values":{"__proto__":{"isAdmin":true},"constructor":{"prototype":{"isAdmin":true}},"a":{"__proto__":{"isAdmin":true}}}}';
    const values = decode(Buffer.from(hostile));
    expect(Object.keys(values)).toEqual(["__proto__", "constructor", "a"]);
    expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
    expect(values.isAdmin).toBeUndefined();
    expect((values.a as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
    expect(Buffer.from(jsonCodec.encode({ ...head, deadline: 1, values })).toString()).toBe(hostile);
  });
});
