import { constants } from "node:buffer";
import fc from "fast-check";
import { expect, it } from "vitest";
import { pack, SessionMap, unpack } from "../src/kit/index.js";

it("packs and unpacks any bytes, as a copy", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20_000 }), (data) => {
      const packed = pack(data);
      expect(packed.length).toBe(data.length);
      const before = data.slice();
      data.fill(1);
      const unpacked = unpack(packed);
      expect(unpacked).toEqual(before);
      unpacked.fill(2);
      expect(unpack(packed)).toEqual(before);
    }),
  );
});

it("packed data is equal exactly if the data is equal", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 3 }), (a, b) => {
      expect(pack(a) === pack(b)).toBe(Buffer.compare(a, b) === 0);
    }),
  );
});

it("refuses data longer than the longest string", () => {
  const tooLong = new Uint8Array(constants.MAX_STRING_LENGTH + 1); // its pages are never touched
  expect(() => pack(tooLong)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});

it("a SessionMap has the same content as a Map, and keeps its items", () => {
  const calls = fc.array(
    fc.record({ token: fc.string({ maxLength: 3 }), data: fc.option(fc.uint8Array({ maxLength: 5 })) }),
  );
  fc.assert(
    fc.property(calls, (each) => {
      const sessions = new SessionMap();
      const model = new Map<string, Uint8Array>();
      for (const [expiry, { token, data }] of each.entries()) {
        const item = sessions.get(token);
        if (data === null) expect(sessions.delete(token)).toBe(model.delete(token));
        else {
          sessions.set(token, data, expiry);
          model.set(token, data);
          expect(sessions.get(token)).toMatchObject({ data: pack(data), expiry });
          if (item !== undefined) expect(sessions.get(token)).toBe(item);
        }
      }
      expect(sessions.size).toBe(model.size);
      const walked = sessions.shards.flatMap((shard) =>
        [...shard].map(([token, { data }]) => [token, unpack(data)]),
      );
      expect(new Map(walked as [string, Uint8Array][])).toEqual(model);
      sessions.clear();
      expect(sessions.size).toBe(0);
    }),
  );
});

it("has no entry for a key that is not a string", () => {
  for (const token of [undefined, null, 7, {}]) expect(new SessionMap().get(token as string)).toBeUndefined();
});
