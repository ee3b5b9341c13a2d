import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import type { StoreError } from "@scs/core";
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";
import { decodeHeader, decodeRecord, encodeRecord, HEADER_BYTES } from "../src/files/record.js";
import { FileStore } from "../src/index.js";
import { makeDirectory, pathOf } from "./directory.js";

const expiry = new Date(Date.now() + 3_600_000);
const data = new Uint8Array([1, 2, 3]);

const records = fc.record({
  token: fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
  data: fc.uint8Array({ maxLength: 300 }),
  expiry: fc.integer({ min: -8_640_000_000_000_000, max: 8_640_000_000_000_000 }),
});

function openStore(directory: string, errors: StoreError[] = []): FileStore {
  const store = new FileStore(directory, {
    cleanupIntervalMs: 0,
    durability: "committed",
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

it("encodes and decodes records with every Date", () => {
  fc.assert(
    fc.property(records, ({ token, data, expiry }) => {
      const file = encodeRecord(token, data, expiry);
      expect(decodeRecord(file)).toEqual({ token, data, expiry });
      expect(decodeHeader(file.subarray(0, HEADER_BYTES))?.expiry).toBe(expiry);
    }),
  );
});

it("detects every change, truncation and extension", () => {
  fc.assert(
    fc.property(records, fc.nat(), fc.integer({ min: 1, max: 255 }), ({ token, data, expiry }, at, bits) => {
      const file = encodeRecord(token, data, expiry);
      const place = at % file.length;
      const flipped = Buffer.from(file);
      flipped[place] = (flipped[place] as number) ^ bits;
      expect(decodeRecord(flipped)).toBeUndefined();
      expect(decodeRecord(file.subarray(0, place))).toBeUndefined();
      expect(decodeRecord(Buffer.concat([file, Buffer.alloc(1 + (at % 9))]))).toBeUndefined();
      if (place < HEADER_BYTES) expect(decodeHeader(flipped)).toBeUndefined();
    }),
  );
});

it("decodes arbitrary bytes as damaged", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(decodeRecord(Buffer.from(bytes))).toBeUndefined();
    }),
  );
});

it("writes the documented file, named by the SHA-256 of the token", async () => {
  const directory = makeDirectory();
  const at = 0x0123_4567_89ab; // in 2009
  const store = new FileStore(directory, { cleanupIntervalMs: 0, now: () => 0 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.commit("tøken", data, new Date(at));
  const file = readFileSync(pathOf(directory, "tøken"));
  expect(file.toString("latin1", 0, 4)).toBe("scsf");
  expect([file[4], file[5], file.readUInt16BE(6)]).toEqual([1, 6, 0]);
  expect(file.readBigInt64BE(8)).toBe(BigInt(at));
  expect(file.readUInt32BE(16)).toBe(3);
  expect(file.readUInt32BE(20)).toBe(crc32(file.subarray(28)));
  expect(file.readUInt32BE(24)).toBe(crc32(file.subarray(0, 24)));
  expect(file.toString("utf8", 28, 34)).toBe("tøken");
  expect([...file.subarray(34)]).toEqual([1, 2, 3]);
});

for (const bits of [0x01, 0x80, 0xff]) {
  it(`treats a file with any byte changed by ${bits} as absent, reports it once per call, and sets it aside`, async () => {
    const directory = makeDirectory();
    const errors: StoreError[] = [];
    const store = openStore(directory, errors);
    await store.commit("t", data, expiry);
    const path = pathOf(directory, "t");
    const whole = readFileSync(path);
    for (let place = 0; place < whole.length; place++) {
      const damaged = Buffer.from(whole);
      damaged[place] = (damaged[place] as number) ^ bits;
      writeFileSync(path, damaged);
      expect(await store.find("t")).toBeUndefined();
      expect(errors.splice(0).map(({ code }) => code)).toEqual(["CORRUPT"]);
    }
    expect(await store.find("t")).toBeUndefined();
    expect(errors).toEqual([]);
    const aside = readdirSync(dirname(path)).filter((name) => name.endsWith(".damaged"));
    expect(aside).toHaveLength(whole.length);
    await store.commit("t", data, expiry);
    expect(await store.find("t")).toEqual({ data, expiry });
  });
}

it("treats every truncated file as absent, reports it, and sets it aside unchanged", async () => {
  const directory = makeDirectory();
  const errors: StoreError[] = [];
  const store = openStore(directory, errors);
  await store.commit("t", data, expiry);
  const path = pathOf(directory, "t");
  const whole = readFileSync(path);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.subarray(0, length));
    expect(await store.find("t")).toBeUndefined();
    expect(errors.splice(0).map(({ code }) => code)).toEqual(["CORRUPT"]);
  }
  const aside = readdirSync(dirname(path)).filter((name) => name.endsWith(".damaged"));
  const sizes = aside.map((name) => readFileSync(join(dirname(path), name)).length);
  expect(sizes.sort((a, b) => a - b)).toEqual(Array.from(whole, (_, length) => length));
});

it("treats a damaged file as absent in every method, and reports it once", async () => {
  const directory = makeDirectory();
  const errors: StoreError[] = [];
  const store = openStore(directory, errors);
  const damage = async () => {
    await store.commit("t", data, expiry);
    writeFileSync(pathOf(directory, "t"), "no record");
  };
  const told = () => errors.splice(0).map(({ code }) => code);

  await damage();
  expect(await store.touch("t", expiry)).toBe(false);
  expect(told()).toEqual(["CORRUPT"]);
  await damage();
  expect(await store.replace("t", data, data, expiry)).toBe(false);
  expect(told()).toEqual(["CORRUPT"]);
  await damage();
  expect(await store.replace("t", undefined, data, expiry)).toBe(true);
  expect(told()).toEqual(["CORRUPT"]);
  await damage();
  await store.commit("whole", data, expiry);
  expect([...(await store.all()).keys()]).toEqual(["whole"]);
  expect(told()).toEqual(["CORRUPT"]);
  await damage();
  expect(await store.deleteExpired()).toBe(0);
  expect(told()).toEqual(["CORRUPT"]);
});

it("refuses an intact file under the name of another session", async () => {
  const directory = makeDirectory();
  const errors: StoreError[] = [];
  const store = openStore(directory, errors);
  await store.commit("a", data, expiry);
  await store.commit("b", new Uint8Array([9]), expiry);
  writeFileSync(pathOf(directory, "a"), readFileSync(pathOf(directory, "b")));
  expect(await store.find("a")).toBeUndefined();
  expect(errors.map(({ code }) => code)).toEqual(["CORRUPT"]);
  expect([...(await store.all()).keys()]).toEqual(["b"]);
});

it("does not fail a call when onError throws", async () => {
  const directory = makeDirectory();
  const store = new FileStore(directory, {
    cleanupIntervalMs: 0,
    onError() {
      throw new Error("a bug of the app");
    },
  });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const warnings: string[] = [];
  const warn = (warning: Error) => warnings.push(warning.message);
  process.on("warning", warn);
  onTestFinished(() => void process.off("warning", warn));
  await store.commit("t", data, expiry);
  writeFileSync(pathOf(directory, "t"), "");
  expect(await store.find("t")).toBeUndefined();
  await store.commit("t", data, expiry);
  expect(warnings).toEqual(["a bug of the app"]);
});
