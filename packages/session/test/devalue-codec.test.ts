import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { devalueCodec, jsonCodec, type SessionContent, type SessionMeta } from "../src/index.js";

const deadline = 1_750_000_000_000;
const meta = {} as SessionMeta;
const encode = (values: Record<string, unknown>) =>
  devalueCodec.encode({ version: 1, deadline, meta, values });
const roundTrip = (values: Record<string, unknown>) => devalueCodec.decode(encode(values)).values;

describe("devalueCodec", () => {
  it("writes plain JSON values exactly as jsonCodec does, and reads those of jsonCodec", () => {
    const values = { userId: "ü€😀", n: [1, null, true, { a: {} }] };
    const content: SessionContent = { version: 1, deadline, values, meta };
    expect(devalueCodec.encode(content)).toEqual(jsonCodec.encode(content));
    expect(devalueCodec.decode(jsonCodec.encode(content))).toEqual(content);
  });

  it("keeps the meta data beside values other than plain JSON", () => {
    const noted = { seen: 5, any: ["thing"] } as unknown as SessionMeta;
    const content: SessionContent = { version: 1, deadline, values: { at: new Date(0) }, meta: noted };
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
    expect(back.constructor).toBe(value.constructor);
  });

  it("keeps circular and repeated references, holes and typed arrays", () => {
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
  ])("refuses %s, wherever it is, and names its key, not its value", (_, value) => {
    for (const cart of [value, [1, value], { deeper: value }, new Map([["x", value]]), new Set([value])]) {
      const attempt = () => encode({ fine: new Date(0), cart });
      expect(attempt).toThrow(expect.objectContaining({ name: "SessionError", code: "INVALID_VALUE" }));
      expect(attempt).toThrow('the session value "cart" cannot be stored: ');
      expect(attempt).not.toThrow("secret");
    }
  });

  it("keeps __proto__ as a key, like JSON", () => {
    const values = JSON.parse('{"__proto__":{"isAdmin":true},"a":{"__proto__":{"isAdmin":true}}}');
    const bare = Object.assign(Object.create(null), { ["__proto__"]: 1 });
    const back = roundTrip({ ...values, bare, at: new Date(0) });
    expect(Object.keys(back)).toEqual(["__proto__", "a", "bare", "at"]);
    expect(back.a).toStrictEqual(values.a);
    expect(Object.getPrototypeOf(back.a)).toBe(Object.prototype);
    expect(back.bare).toStrictEqual(bare);
  });

  it("refuses values that are too deep", () => {
    let deep: unknown = new Date(0);
    for (let level = 0; level < 100_000; level++) deep = [deep];
    expect(() => encode({ deep })).toThrow(expect.objectContaining({ code: "INVALID_VALUE" }));
  });

  it.each([
    [
      "of an object",
      '{"version":1,"deadline":1,"meta":{},"values":{"__proto__":{"isAdmin":true},"a":{"__proto__":{"isAdmin":true}}}}',
    ],
    [
      "of constructors",
      '{"version":1,"deadline":1,"meta":{},"values":{"constructor":{"prototype":{"isAdmin":true}}}}',
    ],
    [
      "of devalue's constructors",
      '{"version":1,"deadline":1,"meta":{},"devalue":[{"constructor":1},{"prototype":2},{"isAdmin":3},true]}',
    ],
  ])("changes no prototype, whatever the bytes are: %s", (_, text) => {
    const { values } = devalueCodec.decode(Buffer.from(text));
    expect(Object.getPrototypeOf(values)).toBe(Object.prototype);
    expect(values.isAdmin).toBeUndefined();
    expect((values.a as Record<string, unknown> | undefined)?.isAdmin).toBeUndefined();
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it.each([
    ["the session's own values", '[{"a":0}]'],
    ["an index that is no whole number", '[{"a":0.5}]'],
    ["a view of a number", '[{"a":1},["Uint8Array",2],5000000000]'],
    ["a view of a list", '[{"a":1},["Uint8Array",2],[3],1]'],
    ["a view of itself", '[{"a":1},["Uint8Array",1]]'],
    ["a view that does not fit", '[{"a":1},["Float64Array",2],["ArrayBuffer","AAAA"]]'],
    ["an object by the name of its class", '[{"a":1},["Object",2],1]'],
    ["a Map with half an entry", '[{"a":1},["Map",2],1]'],
    ["an object without prototype and with half an entry", '[{"a":1},["null","b"]]'],
    ["a Date that is a number", '[{"a":1},["Date",5]]'],
    ["a URL that is none", '[{"a":1},["URL","secret"]]'],
    ["an index that is a name", '[{"a":"__proto__"}]'],
    ["an index out of bounds", '[{"a":99}]'],
    ["a type that it does not know", '[{"a":1},["Function","return process"]]'],
    ["bytes that are none", '[{"a":1},["ArrayBuffer",2],5000000000]'],
    ["an array of enormous length", '[{"a":1},["Uint32Array",2],5000000000]'],
    ["no values", '["a"]'],
    ["a number", "7"],
    ["an object", '{"a":1}'],
    ["a list", "[[1],2]"],
    ["null", "null"],
  ])("throws for what it did not write, and takes no harm: %s", (_, devalue) => {
    expect(() =>
      devalueCodec.decode(Buffer.from(`{"version":1,"deadline":1,"meta":{},"devalue":${devalue}}`)),
    ).toThrow();
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it("runs no code and changes no prototype for any bytes", () => {
    const property = fc.property(fc.json(), fc.string(), (devalue, junk) => {
      for (const text of [
        `{"version":1,"deadline":1,"meta":{},"devalue":${devalue}}`,
        `{"version":1,"deadline":1,"meta":{},"devalue":[${devalue}]}`,
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
