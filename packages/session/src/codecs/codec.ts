import { SessionError } from "../session-error.js";

/** What the manager notes of a session beside its values. */
export interface SessionMeta {
  /** Which entry of its owner's list is this session. */
  id?: string;
  /** When it was last saved, in ms since the epoch; for sessions with an owner. */
  seen?: number;
  /** Whether its cookie outlives the browser, if the app has said so for this session. */
  persist?: boolean;
  /** The `namespace` of its manager, if that has one. */
  space?: string;
  /** The key of the record that the session was renewed to: this one only leads there, until it expires. */
  next?: string;
}

/** What the manager keeps in a record. */
export interface SessionContent {
  /** The absolute deadline, in ms since the epoch. In the data, since a `touch` moves the record's expiry. */
  deadline: number;
  values: Record<string, unknown>;
  /** Plain JSON, and left out when there is nothing to note. A codec keeps it as it is. */
  meta?: SessionMeta;
}

/** Turns the content of a session into the bytes of a record, and back. */
export interface SessionCodec {
  /** Equal content gives equal bytes. Throws a {@link SessionError} `INVALID_VALUE` that names the key. */
  encode(content: SessionContent): Uint8Array;
  /** Throws whatever it likes for bytes that it did not write: they are reported, and count as absent. */
  decode(data: Uint8Array): SessionContent;
}

const decoder = new TextDecoder("utf-8", { fatal: true });

/** Deeper is taken for a circle. */
const MAX_DEPTH = 100;

/**
 * JSON in UTF-8, which any language reads: `{"deadline":1750000000000,"values":{"userId":"u1"}}`. A value that
 * would come back as another (a `Date`, a `Map`, `NaN`, a class of yours) is refused.
 */
export const jsonCodec: SessionCodec = {
  encode(content) {
    for (const [key, value] of Object.entries(content.values)) assertJson(value, key, 0);
    return encodePlain(content);
  },
  decode: (data) => contentOf(parseRecord(data)),
};

/** Writes content of which all values are plain JSON. */
export function encodePlain({ deadline, values, meta }: SessionContent): Uint8Array {
  return Buffer.from(JSON.stringify(meta === undefined ? { deadline, values } : { deadline, values, meta }));
}

/** @throws TypeError or SyntaxError if `data` is no JSON of an object in UTF-8. */
export function parseRecord(data: Uint8Array): Record<string, unknown> {
  const parsed: unknown = JSON.parse(decoder.decode(data));
  if (!isObject(parsed)) throw new TypeError("not the JSON of a session");
  return parsed;
}

/** @throws TypeError if `record` is not what a session's content looks like. */
export function contentOf({ deadline, values, meta }: Record<string, unknown>): SessionContent {
  if (typeof deadline !== "number" || !isObject(values) || (meta !== undefined && !isObject(meta))) {
    throw new TypeError("not the JSON of a session");
  }
  return meta === undefined ? { deadline, values } : { deadline, values, meta };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function assertJson(value: unknown, key: string, depth: number): void {
  if (value === null || typeof value === "string" || typeof value === "boolean" || Number.isFinite(value))
    return;
  if (depth === MAX_DEPTH) throw refusal(key, "a circle or more than 100 levels");
  if (Array.isArray(value)) {
    for (const item of value) assertJson(item, key, depth + 1);
    return;
  }
  if (typeof value !== "object") {
    throw refusal(key, typeof value === "number" ? String(value) : `a value of type ${typeof value}`);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if ((prototype !== Object.prototype && prototype !== null) || "toJSON" in value) {
    throw refusal(key, `an object of class ${value.constructor?.name ?? "unknown"}`);
  }
  // JSON leaves a property that is undefined out, and reading it gives undefined again.
  for (const item of Object.values(value)) if (item !== undefined) assertJson(item, key, depth + 1);
}

function refusal(key: string, what: string): SessionError {
  return new SessionError(
    "INVALID_VALUE",
    `the session value "${key}" holds ${what}, which JSON does not bring back`,
  );
}
