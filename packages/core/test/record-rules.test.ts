import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { assertData, assertExpiry, assertToken, isToken, MAX_TOKEN_BYTES } from "../src/index.js";

/** The rule for tokens, one code unit after the other. */
function isTokenSlowly(value: unknown): boolean {
  if (typeof value !== "string") return false;
  let bytes = 0;
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at);
    if (unit === 0) return false;
    if (unit >= 0xdc00 && unit <= 0xdfff) return false; // the second half of a pair without the first
    if (unit >= 0xd800 && unit <= 0xdbff) {
      const next = value.charCodeAt(at + 1); // NaN at the end
      if (!(next >= 0xdc00 && next <= 0xdfff)) return false;
      at++;
      bytes += 4;
    } else if (unit >= 0x800) bytes += 3;
    else if (unit >= 0x80) bytes += 2;
    else bytes += 1;
  }
  return bytes >= 1 && bytes <= 255;
}

const unit = fc.constantFrom("a", "~", "\u007f", "\u0080", "é", "\u07ff", "\u0800", "€", "\uffff", "😀");
const hostileUnit = fc.oneof(
  { weight: 30, arbitrary: unit },
  { weight: 1, arbitrary: fc.constantFrom("\0", "\ud83d", "\ude00") },
);
const nearTheLimit = fc
  .tuple(unit, fc.integer({ min: 60, max: 260 }), fc.string({ unit, maxLength: 6 }))
  .map(([repeated, times, rest]) => repeated.repeat(times) + rest);
const anyToken = fc.oneof(
  fc.string({ unit: hostileUnit, maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 90 }),
  nearTheLimit,
  fc.anything(),
);

const invalidArgument = expect.objectContaining({ name: "StoreError", code: "INVALID_ARGUMENT" });

describe("isToken", () => {
  it("agrees with the written rule", () => {
    fc.assert(
      fc.property(anyToken, (value) => {
        expect(isToken(value)).toBe(isTokenSlowly(value));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["255 bytes of one each", "a".repeat(255), true],
    ["256 bytes of one each", "a".repeat(256), false],
    ["85 units of three bytes", "€".repeat(85), true],
    ["86 units of three bytes", "€".repeat(86), false],
    ["127 units of two bytes and one more", `${"é".repeat(127)}a`, true],
    ["128 units of two bytes", "é".repeat(128), false],
    ["63 pairs and three bytes", `${"😀".repeat(63)}abc`, true],
    ["64 pairs", "😀".repeat(64), false],
    ["nothing", "", false],
    ["NUL among others", "a\0b", false],
    ["half a pair", "a\ud83d", false],
    ["a String object", Object("token"), false],
  ])("%s", (_, value, expected) => {
    expect(isToken(value)).toBe(expected);
    expect(isTokenSlowly(value)).toBe(expected);
  });

  it("measures tokens against a limit that stores may use as well", () => {
    expect(MAX_TOKEN_BYTES).toBe(255);
  });
});

describe("assertToken", () => {
  it("accepts well-formed tokens", () => {
    expect(() => assertToken("a".repeat(255))).not.toThrow();
  });

  it("refuses all others with INVALID_ARGUMENT, without quoting them", () => {
    const malformed = `secret\0${"x".repeat(10)}`;
    expect(() => assertToken(malformed)).toThrow(invalidArgument);
    expect(() => assertToken(malformed)).toThrow(
      "token must be a well-formed string of 1 to 255 UTF-8 bytes without NUL",
    );
  });
});

describe("assertData", () => {
  it.each([new Uint8Array(0), new Uint8Array(3), Buffer.from("data")])("accepts %o", (data) => {
    expect(() => assertData(data)).not.toThrow();
  });

  it.each(["data", new ArrayBuffer(3), new Uint16Array(3), { 0: 1, length: 1 }, undefined, null])(
    "refuses %o",
    (data) => {
      expect(() => assertData(data)).toThrow(invalidArgument);
      expect(() => assertData(data)).toThrow("data must be a Uint8Array");
    },
  );
});

describe("assertExpiry", () => {
  it.each([new Date(0), new Date(8.64e15), new Date(-1)])("accepts %o", (expiry) => {
    expect(() => assertExpiry(expiry)).not.toThrow();
  });

  it.each([new Date(Number.NaN), 1_936_686_600_000, "2031-05-17", undefined, null])(
    "refuses %o",
    (expiry) => {
      expect(() => assertExpiry(expiry)).toThrow(invalidArgument);
      expect(() => assertExpiry(expiry)).toThrow("expiry must be a valid Date");
    },
  );
});
