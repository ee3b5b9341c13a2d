import { SessionError } from "./session-error.js";

/** What the manager keeps in a record. */
export interface SessionContent {
  /** The absolute deadline, in ms since the epoch. In the data, since a `touch` moves the record's expiry. */
  deadline: number;
  values: Record<string, unknown>;
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
  encode({ deadline, values }) {
    for (const [key, value] of Object.entries(values)) assertJson(value, key, 0);
    return Buffer.from(JSON.stringify({ deadline, values }));
  },
  decode(data) {
    const { deadline, values } = JSON.parse(decoder.decode(data)) as SessionContent;
    if (
      typeof deadline !== "number" ||
      typeof values !== "object" ||
      values === null ||
      Array.isArray(values)
    ) {
      throw new TypeError("not the JSON of a session");
    }
    return { deadline, values };
  },
};

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
