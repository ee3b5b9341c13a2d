import { stringify, unflatten } from "devalue";
import { SessionError } from "../session-error.js";
import { contentOf, encodePlain, parseRecord, type SessionCodec } from "./codec.js";

/** Deeper values are left to devalue, which takes circles as well. */
const MAX_PLAIN_DEPTH = 100;

/**
 * Bytes as base64, and other views cut to what they show: devalue writes all of the memory that a view is part of,
 * which others may share.
 */
const reducers = {
  Bytes: (value: unknown): unknown =>
    value instanceof Uint8Array &&
    Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("base64"),
  View: (value: unknown): unknown =>
    ArrayBuffer.isView(value) && value.byteLength < value.buffer.byteLength && cut(value),
};
const revivers = {
  Bytes(text: unknown): Uint8Array {
    if (typeof text !== "string") throw new TypeError("not the bytes of a session");
    return new Uint8Array(Buffer.from(text, "base64"));
  },
  View: (view: unknown): unknown => view,
};

function cut(view: ArrayBufferView): ArrayBufferView {
  if (!(view instanceof DataView)) return (view as Float64Array).slice();
  return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/**
 * Values as `structuredClone` knows them: what JSON holds, and `Date`, `Map`, `Set`, `BigInt`, `Uint8Array`,
 * `undefined`, `NaN`, `-0`, other typed arrays, `RegExp`, `URL`, circles and objects that occur twice, nested in
 * one another. A session of plain JSON values is written as the very JSON of `jsonCodec`, which any language
 * reads; any other in the notation of the `devalue` library: `{"deadline":…,"devalue":[…]}`.
 *
 * Functions, symbols, instances of classes and, beside other than plain values, objects with a key `__proto__`
 * are refused. Reading runs no code and changes no prototype, whatever the bytes are.
 */
export const devalueCodec: SessionCodec = {
  encode(content) {
    const { deadline, values, meta } = content;
    for (const key of Object.keys(values)) {
      if (isPlain(values[key], 0)) continue;
      const text = stringifyValues(values);
      const tail = meta === undefined ? "" : `,"meta":${JSON.stringify(meta)}`;
      return Buffer.from(`{"deadline":${deadline},"devalue":${text}${tail}}`);
    }
    return encodePlain(content);
  },
  decode(data) {
    const record = parseRecord(data);
    if (record.devalue === undefined) return contentOf(record);
    return contentOf({ ...record, values: unflatten(record.devalue as unknown[], revivers) });
  },
};

function stringifyValues(values: Record<string, unknown>): string {
  try {
    return stringify(values, reducers);
  } catch (cause) {
    const [key] = Object.entries(values).find((entry) => !isAccepted(entry)) ?? ["__proto__"];
    // Of the library's own message, only what says why: its path would name the app's data.
    const why = cause instanceof Error ? cause.message.replace(/^Cannot/, "it cannot") : "it is not data";
    throw new SessionError("INVALID_VALUE", `the session value "${key}" cannot be stored: ${why}`);
  }
}

function isAccepted([, value]: [string, unknown]): boolean {
  try {
    stringify(value, reducers);
    return true;
  } catch {
    return false;
  }
}

/** Whether JSON brings `value` back as it is. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === "string" || typeof value === "boolean" || value === null) return true;
  if (typeof value === "number") return Number.isFinite(value) && !Object.is(value, -0);
  if (typeof value !== "object" || depth === MAX_PLAIN_DEPTH) return false;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (!isPlain(value[at], depth + 1)) return false;
    return true;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || "toJSON" in value) return false;
  for (const key of Reflect.ownKeys(value)) {
    if (typeof key === "symbol" || !isPlain((value as Record<string, unknown>)[key], depth + 1)) return false;
  }
  return true;
}
