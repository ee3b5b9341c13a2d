import fc from "fast-check";
import { expect, it } from "vitest";
import { encodeRecord, readExpiry, writeExpiry } from "../src/lmdb/record.js";

const LAST_MS = 9_223_372_036_854;
const instants = fc.integer({ min: 0, max: LAST_MS });

function written(ms: number): Buffer {
  const bytes = Buffer.alloc(8);
  writeExpiry(bytes, ms);
  return bytes;
}

it("encodes an expiry as Unix time in ns, 8 bytes, big-endian", () => {
  fc.assert(
    fc.property(instants, (ms) => {
      expect(written(ms).readBigInt64BE()).toBe(BigInt(ms) * 1_000_000n);
    }),
  );
});

it("decodes an expiry to the millisecond", () => {
  fc.assert(
    fc.property(instants, (ms) => {
      expect(readExpiry(written(ms))).toBe(ms);
    }),
  );
});

it("encodes expiries so that their bytes sort like times", () => {
  fc.assert(
    fc.property(instants, instants, (a, b) => {
      expect(Math.sign(Buffer.compare(written(a), written(b)))).toBe(Math.sign(a - b));
    }),
  );
});

it("rounds an expiry between two milliseconds up", () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), (ns) => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(ns);
      expect(readExpiry(bytes)).toBe(Number((ns + 999_999n) / 1_000_000n));
    }),
  );
});

it("clamps expiries before 1970 and after the latest time", () => {
  expect(readExpiry(written(8.64e15))).toBe(LAST_MS);
  expect(readExpiry(written(-1))).toBe(0);
});

it("encodes a value as the expiry and a copy of the data", () => {
  const data = new Uint8Array([1, 2, 3]);
  const value = encodeRecord(data, 1);
  data.fill(0);
  expect([...value]).toEqual([0, 0, 0, 0, 0, 15, 66, 64, 1, 2, 3]);
});
