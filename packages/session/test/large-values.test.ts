import { describe, expect, it } from "vitest";
import { devalueCodec, jsonCodec, type SessionCodec, type SessionMeta } from "../src/index.js";
import { commitBoth, stored } from "./fixtures/stored-session.js";

// No test measures time: without the limits, these would never end.

const encode = (codec: SessionCodec, values: Record<string, unknown>, maxBytes?: number) =>
  codec.encode({ version: 1, deadline: 1, meta: {} as SessionMeta, values }, maxBytes);

/** Creates an object of `levels` levels that each contain the next one twice: 2^levels objects in JSON. */
function doubled(levels: number): { one: unknown; other: unknown } {
  let tree: { one: unknown; other: unknown } = { one: 1, other: 2 };
  for (let level = 1; level < levels; level++) tree = { one: tree, other: tree };
  return tree;
}

const tooLarge = expect.objectContaining({ name: "SessionError", code: "TOO_LARGE" });
const invalid = expect.objectContaining({ name: "SessionError", code: "INVALID_VALUE" });

describe("an object that occurs twice on each level", () => {
  it("is saved, compared, changed in place and merged as one object", async () => {
    await using app = await stored({ tree: doubled(60), page: 1 });
    const [one, other] = [await app.load(), await app.load()];
    const tree = one.get("tree") as { one: object; extra?: number };
    expect(one.status).toBe("unmodified");
    await app.sessions.commit(one);
    expect(app.store.takeCalls()).toEqual(["find", "find"]);
    tree.extra = 5;
    await commitBoth(app.sessions, other.set("page", 2), one);
    const back = (await app.load()).get("tree") as { one: object; other: object; extra: number };
    expect(back.one).toBe(back.other);
    expect(back.extra).toBe(5);
  });

  it.each([
    ["jsonCodec", jsonCodec],
    ["a codec that passes no limit on", { ...jsonCodec, encode: (content) => jsonCodec.encode(content) }],
  ] as [string, SessionCodec][])("is refused, and named, with %s", async (_, codec) => {
    await using app = await stored({ page: 1 }, { codec });
    const session = (await app.load()).set("tree", doubled(60)).set("page", 2);
    await expect(app.sessions.commit(session)).rejects.toMatchObject({
      code: "TOO_LARGE",
      message: 'the session has more than 131072 bytes, but maxBytes is 65536; its largest value is "tree"',
    });
  });

  it("takes no more bytes than one object", () => {
    const record = JSON.parse(Buffer.from(encode(devalueCodec, { tree: doubled(60) })).toString());
    expect(record.devalue).toHaveLength(63);
  });
});

describe.each([
  ["devalueCodec", devalueCodec],
  ["jsonCodec", jsonCodec],
])("%s", (name, codec) => {
  it.each<[string, () => unknown]>([
    ["text", () => "x".repeat(2 ** 29 - 24)], // the maximum of V8
    ["text in a list", () => ["x".repeat(2 ** 29 - 24)]],
    ["a key", () => ({ ["x".repeat(2 ** 28)]: 1 })],
    ["texts", () => new Array(200_000).fill("")],
    ["numbers", () => new Array(200_000).fill(1)],
    ["empty objects", () => Array.from({ length: 100_000 }, () => ({}))],
    ["keys", () => Object.fromEntries(Array.from({ length: 100_000 }, (_, at) => [`k${at}`, 1]))],
    ["an object of many levels of itself", () => (name === "jsonCodec" ? doubled(60) : "x".repeat(200_000))],
  ])("refuses too much of %s, before it is written", (_, make) => {
    expect(() => encode(codec, { fine: 1, cart: make() }, 131_072)).toThrow(tooLarge);
  });

  it("accepts values up to the exact limit", () => {
    const values = {
      cart: [{ sku: 'te"a', n: 1 }, "\ud83d\ude00\ud800", ...(name === "jsonCodec" ? [] : [1n, /a/g])],
    };
    const { length } = encode(codec, values);
    expect(encode(codec, values, length)).toHaveLength(length);
    expect(() => encode(codec, values, length - 1)).toThrow(tooLarge);
  });
});

describe("devalueCodec", () => {
  it.each<[string, () => unknown]>([
    ["bytes", () => new Uint8Array(2 ** 28)],
    ["a buffer", () => new ArrayBuffer(2 ** 28)],
    ["a BigInt", () => 1n << (2n ** 28n)],
    ["a negative BigInt", () => -1n << (2n ** 28n)],
    ["holes", () => new Array(2 ** 32 - 1)],
    ["undefined", () => new Array(200_000).fill(undefined)],
    ["a Set", () => new Set(Array.from({ length: 100_000 }, (_, at) => at))],
    ["a Map", () => new Map(Array.from({ length: 100_000 }, (_, at) => [at, 1]))],
    ["BigInts", () => Array.from({ length: 20_000 }, (_, at) => BigInt(at))],
  ])("refuses too much of %s, before it is written", (_, make) => {
    expect(() => encode(devalueCodec, { fine: 1n, cart: make() }, 131_072)).toThrow(tooLarge);
  });

  it("accepts a BigInt up to the exact limit", () => {
    const cart = BigInt("9".repeat(1000));
    const { length } = encode(devalueCodec, { cart });
    expect(devalueCodec.decode(encode(devalueCodec, { cart }, length)).values).toEqual({ cart });
  });
});

const nested: [string, (inner: unknown) => unknown, SessionCodec[]][] = [
  ["arrays", (inner) => [inner], [devalueCodec, jsonCodec]],
  ["objects", (inner) => ({ inner }), [devalueCodec, jsonCodec]],
  ["objects without a prototype", (inner) => Object.assign(Object.create(null), { inner }), [devalueCodec]],
  ["Sets", (inner) => new Set([inner]), [devalueCodec]],
  ["values of Maps", (inner) => new Map([[1, inner]]), [devalueCodec]],
  ["keys of Maps", (inner) => new Map([[inner, 1]]), [devalueCodec]],
];

describe.each(nested)("%s", (_, nest, codecs) => {
  const deep = (levels: number, inner: unknown): unknown => {
    let value = inner;
    for (let level = 0; level < levels; level++) value = nest(value);
    return value;
  };

  it("are kept up to a hundred levels, and beyond refused with their key, in all codecs", () => {
    for (const codec of codecs) {
      const inner = codec === devalueCodec ? Buffer.from("bytes") : 1;
      const deepest = deep(codec === devalueCodec ? 99 : 100, inner);
      expect(codec.decode(encode(codec, { cart: deepest })).values).toEqual({ cart: deepest });
      for (const levels of [101, 5000, 100_000]) {
        const attempt = () => encode(codec, { fine: 1, cart: deep(levels, 1) });
        expect(attempt).toThrow(invalid);
        expect(attempt).toThrow('the session value "cart" ');
      }
    }
  });

  it("are unchanged when put back, and changed when too deep to be saved", async () => {
    await using app = await stored({ cart: deep(50, 1), list: [] as unknown[] });
    const session = await app.load();
    const list = session.get("list") as unknown[];
    list.push(deep(100_000, 1));
    expect(session.status).toBe("modified");
    await expect(app.sessions.commit(session)).rejects.toMatchObject({ code: "INVALID_VALUE" });
    list.pop();
    expect(session.status).toBe("unmodified");
  });
});

describe("bytes with more levels than codecs write", () => {
  const head = '{"version":1,"deadline":1,"meta":{},';
  const chain = (levels: number, entry: (next: number) => unknown) =>
    `${head}"devalue":${JSON.stringify([{ a: 1 }, ...Array.from({ length: levels }, (_, at) => entry(at + 2)), 1])}}`;

  it.each([101, 5000, 100_000])("are an error: %i", (levels) => {
    const records = [
      `${head}"values":{"a":${"[".repeat(levels)}${"]".repeat(levels)}}}`,
      `${head}"values":{"a":${'{"a":'.repeat(levels)}1${"}".repeat(levels)}}}`,
      chain(levels, (next) => [next]),
      chain(levels, (next) => ({ a: next })),
      chain(levels, (next) => ["Set", next]),
      chain(levels, (next) => ["Map", next, next]),
      chain(levels, (next) => ["null", "a", next]),
    ];
    for (const record of records) {
      const decode = () => devalueCodec.decode(Buffer.from(record));
      expect(decode).toThrow(new TypeError("more than 100 levels"));
    }
    const json = () => jsonCodec.decode(Buffer.from(records[0] as string));
    expect(json).toThrow(new TypeError("more than 100 levels"));
  });
});
