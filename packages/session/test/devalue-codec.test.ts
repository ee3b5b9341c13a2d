import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { devalueCodec, jsonCodec } from "../src/index.js";

const deadline = 1_750_000_000_000;
const encode = (values: Record<string, unknown>) => devalueCodec.encode({ deadline, values });
const roundTrip = (values: Record<string, unknown>) => devalueCodec.decode(encode(values)).values;

/** What a session may hold beside values that are no plain JSON. */
const anything = () => fc.dictionary(fc.string(), rich, { maxKeys: 5 }).map(withoutProto);

/** Whatever may be a value, nested in whatever else may be. */
const rich = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.string(),
      fc.double(),
      fc.integer(),
      fc.boolean(),
      fc.bigInt(),
      fc.constantFrom(null, undefined, Number.NaN, -0, Number.POSITIVE_INFINITY),
      fc.date({ noInvalidDate: true }),
      fc.uint8Array({ maxLength: 20 }),
    ),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }).map(withoutProto),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 4 }).map((items) => new Set(items)),
  ),
})).value;

function withoutProto(object: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== "__proto__"));
}

describe("devalueCodec", () => {
  it("brings each value back as it was", () => {
    fc.assert(
      fc.property(anything(), (values) => {
        const back = roundTrip(values);
        expect(back).toStrictEqual({ ...values });
        expect(Object.keys(back)).toEqual(Object.keys(values));
      }),
    );
  });

  it("gives equal bytes for equal content, also for what it brought back", () => {
    fc.assert(
      fc.property(anything(), (values) => {
        const data = encode(values);
        expect(encode(devalueCodec.decode(data).values)).toEqual(data);
      }),
    );
  });

  it("writes plain JSON values as jsonCodec does, byte for byte, and reads those of it", () => {
    const content = {
      deadline,
      values: { userId: "ü€😀", n: [1, null, true, { a: {} }] },
      meta: { id: "x" },
    };
    expect(devalueCodec.encode(content)).toEqual(jsonCodec.encode(content));
    expect(devalueCodec.decode(jsonCodec.encode(content))).toEqual(content);
  });

  it("keeps what is noted beside values that are not plain", () => {
    const content = { deadline, values: { at: new Date(0) }, meta: { id: "x", persist: true } };
    expect(devalueCodec.decode(devalueCodec.encode(content))).toEqual(content);
  });

  it.each([
    ["a Buffer", (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)],
    ["a Uint8Array", (bytes: Uint8Array) => bytes],
    ["a Uint16Array", (bytes: Uint8Array) => new Uint16Array(bytes.buffer, bytes.byteOffset, 2)],
    ["a DataView", (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, 4)],
  ])("writes of %s what it shows, and nothing of the memory that it shares", (_, viewOf) => {
    const memory = new TextEncoder().encode("mine, beside the secret of somebody else");
    const value: ArrayBufferView = viewOf(memory.subarray(0, 4));
    const data = encode({ value });
    for (const [, base64 = ""] of Buffer.from(data)
      .toString()
      .matchAll(/"([A-Za-z0-9+/=]{6,})"/g)) {
      expect(Buffer.from(base64, "base64").toString()).not.toContain("secret");
    }
    const back = devalueCodec.decode(data).values.value as ArrayBufferView;
    expect(Buffer.from(back.buffer, back.byteOffset, back.byteLength).toString()).toBe("mine");
    expect(back.constructor).toBe(value instanceof Uint8Array ? Uint8Array : value.constructor);
  });

  it("keeps circles, what occurs twice, holes and other typed arrays", () => {
    const circle: { self?: unknown; name: string } = { name: "c" };
    circle.self = circle;
    const shared = { at: new Date(5) };
    const values = roundTrip({
      circle,
      one: shared,
      two: shared,
      hole: new Array(3),
      floats: new Float64Array([1.5]),
    });
    expect((values.circle as typeof circle).self).toBe(values.circle);
    expect(values.one).toBe(values.two);
    expect(0 in (values.hole as unknown[])).toBe(false);
    expect(values.floats).toEqual(new Float64Array([1.5]));
  });

  class Money {
    amount = "a secret value";
  }
  it.each([
    ["a function", () => "a secret value"],
    ["a symbol", Symbol("a secret value")],
    ["an instance of a class", new Money()],
    ["an Error", new Error("a secret value")],
    ["a promise", Promise.resolve("a secret value")],
    ["a WeakMap", new WeakMap()],
    ["an object that says how to be JSON", { toJSON: () => "a secret value" }],
    ["an object with a symbol for a key", { [Symbol("a secret value")]: 1 }],
    ["a __proto__ beside what is not plain", { list: [JSON.parse('{"__proto__":1}'), 1n] }],
  ])("refuses %s, wherever it is, and names its key, not its value", (_, value) => {
    for (const cart of [value, [1, value], { deeper: value }, new Map([["x", value]]), new Set([value])]) {
      const attempt = () => encode({ fine: new Date(0), cart });
      expect(attempt).toThrow(expect.objectContaining({ name: "SessionError", code: "INVALID_VALUE" }));
      expect(attempt).toThrow('the session value "cart" cannot be stored: ');
      expect(attempt).not.toThrow("secret");
    }
  });

  it("refuses a key __proto__ of the session's own, beside what is not plain, by its name", () => {
    const values = { ...JSON.parse('{"__proto__":1}'), at: new Date(0) };
    expect(() => encode(values)).toThrow('the session value "__proto__" cannot be stored: ');
  });

  it("refuses what is too deep for it, rather than to break", () => {
    let deep: unknown = new Date(0);
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(() => encode({ deep })).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
  });

  it.each([
    [
      "of an object",
      '{"deadline":1,"values":{"__proto__":{"isAdmin":true},"a":{"__proto__":{"isAdmin":true}}}}',
    ],
    ["of constructors", '{"deadline":1,"values":{"constructor":{"prototype":{"isAdmin":true}}}}'],
    [
      "of devalue's constructors",
      '{"deadline":1,"devalue":[{"constructor":1},{"prototype":2},{"isAdmin":3},true]}',
    ],
  ])("changes no prototype, whatever the bytes are: %s", (_, text) => {
    const { values } = devalueCodec.decode(Buffer.from(text));
    expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
    expect(values.isAdmin).toBeUndefined();
    expect((values.a as Record<string, unknown> | undefined)?.isAdmin).toBeUndefined();
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it.each([
    ["a key __proto__", '[{"a":1},{"__proto__":2},{"isAdmin":3},true]'],
    ["a key __proto__ of an object without prototype", '[{"a":1},["null","__proto__",2],true]'],
    ["an index that is a name", '[{"a":"__proto__"}]'],
    ["an index out of bounds", '[{"a":99}]'],
    ["a type that it does not know", '[{"a":1},["Function","return process"]]'],
    ["bytes that are none", '[{"a":1},["Bytes",2],5000000000]'],
    ["a circle of bytes", '[{"a":1},["Bytes",1]]'],
    ["an array of enormous length", '[{"a":1},["Uint32Array",2],5000000000]'],
    ["a key __proto__ of the session's own", '[{"__proto__":1},{"isAdmin":2},true]'],
    ["no values", '["a"]'],
    ["a number", "7"],
    ["an object", '{"a":1}'],
    ["a list", "[[1],2]"],
    ["null", "null"],
  ])("throws for what it did not write, and takes no harm: %s", (_, devalue) => {
    expect(() => devalueCodec.decode(Buffer.from(`{"deadline":1,"devalue":${devalue}}`))).toThrow();
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it("runs no code and changes no prototype for any bytes", () => {
    const property = fc.property(fc.json(), fc.string(), (devalue, junk) => {
      for (const text of [
        `{"deadline":1,"devalue":${devalue}}`,
        `{"deadline":1,"devalue":[${devalue}]}`,
        junk,
      ]) {
        try {
          devalueCodec.decode(Buffer.from(text));
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      }
      expect(Object.keys(Object.prototype)).toEqual([]);
    });
    fc.assert(property, { numRuns: 500 });
  });
});
