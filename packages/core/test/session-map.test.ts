import { constants } from "node:buffer";
import fc from "fast-check";
import { expect, it } from "vitest";
import { pack, SessionMap, unpack } from "../src/kit/index.js";

it("what is packed is unpacked as it was: any bytes, in a copy", () => {
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

it("data is equal if, and only if, it is so when packed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3 }), fc.uint8Array({ maxLength: 3 }), (a, b) => {
      expect(pack(a) === pack(b)).toBe(Buffer.compare(a, b) === 0);
    }),
  );
});

it("data that is longer than a string can be is refused", () => {
  const tooLong = new Uint8Array(constants.MAX_STRING_LENGTH + 1); // its pages are never touched
  expect(() => pack(tooLong)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});

it("a SessionMap keeps what a Map does, and items stay where they are", () => {
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

it("what is no string is under no token", () => {
  for (const token of [undefined, null, 7, {}]) expect(new SessionMap().get(token as string)).toBeUndefined();
});
