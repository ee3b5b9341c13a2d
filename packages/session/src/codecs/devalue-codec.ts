import { contentOf, DEFAULT_MAX_BYTES, encodeRecord, parseRecord, type SessionCodec } from "./codec.js";
import { DevalueReader } from "./devalue-reader.js";
import { DevalueWriter } from "./devalue-writer.js";
import { encodePlain, plainContentOf } from "./json-codec.js";
import { PlainJsonCheck } from "./plain-json.js";

/**
 * Stores everything in JSON, and `Date`, `Map`, `Set`, `BigInt`, `Uint8Array`, `Buffer` and other views, `ArrayBuffer`,
 * `RegExp`, `URL`, `URLSearchParams`, `Temporal`, `undefined`, `NaN`, `-0`, objects without a prototype, sparse arrays,
 * circular and repeated references, up to 100 levels. Writes a session of plain JSON values as `jsonCodec` does, and any
 * other in the notation of the `devalue` library:
 * `{"version":1,"deadline":…,"meta":{…},"devalue":[…]}`.
 *
 * Restores every value exactly, or fails the save: functions, symbols, instances of other classes and of subclasses,
 * getters, non-enumerable properties and proxies are refused. Decoding runs no code and changes no prototype, for any bytes.
 */
export const devalueCodec: SessionCodec = {
  encode(content, maxBytes = DEFAULT_MAX_BYTES) {
    const { deadline, meta, values } = content;
    const check = new PlainJsonCheck(maxBytes, { isExact: true });
    for (const key of Object.keys(values)) {
      if (check.problemOf(values[key], 0) === undefined) continue;
      const devalue = new DevalueWriter(maxBytes).write(values);
      const head = `"version":1,"deadline":${deadline},"meta":${JSON.stringify(meta)}`;
      return encodeRecord(`{${head},"devalue":${devalue}}`, maxBytes);
    }
    return encodePlain(content, maxBytes);
  },
  decode(data) {
    const record = parseRecord(data);
    if (record.devalue === undefined) return plainContentOf(record, data.length);
    return contentOf(record, new DevalueReader(record.devalue).read());
  },
};
