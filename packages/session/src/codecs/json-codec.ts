import {
  contentOf,
  DEFAULT_MAX_BYTES,
  encodeRecord,
  invalidValue,
  MAX_LEVELS,
  parseRecord,
  type SessionCodec,
  type SessionContent,
} from "./codec.js";
import { assertLevels, PlainJsonCheck } from "./plain-json.js";

/**
 * Stores JSON in UTF-8, readable in any language: `{"version":1,"deadline":1750000000000,"meta":{},"values":{"userId":"u1"}}`.
 * Refuses values that JSON would change (`Date`, `Map`, `NaN`, class instances). A repeated object becomes two, and a
 * property that is `undefined` is dropped.
 */
export const jsonCodec: SessionCodec = {
  encode(content, maxBytes = DEFAULT_MAX_BYTES) {
    const { values } = content;
    const check = new PlainJsonCheck(maxBytes, { isExact: false });
    for (const key of Object.keys(values)) {
      const problem = check.problemOf(values[key], 0);
      if (problem !== undefined) throw invalidValue(key, `contains ${problem}, which JSON does not restore`);
    }
    return encodePlain(content, maxBytes);
  },
  decode: (data) => plainContentOf(parseRecord(data), data.length),
};

/** Encodes content whose values are plain JSON. */
export function encodePlain({ deadline, meta, values }: SessionContent, maxBytes: number): Uint8Array {
  return encodeRecord(JSON.stringify({ version: 1, deadline, meta, values }), maxBytes);
}

/** Parses the content of a record with plain JSON values. */
export function plainContentOf(record: Record<string, unknown>, bytes: number): SessionContent {
  const content = contentOf(record, record.values);
  if (bytes > 2 * MAX_LEVELS) assertLevels(content.values, -1); // each level needs two brackets
  return content;
}
