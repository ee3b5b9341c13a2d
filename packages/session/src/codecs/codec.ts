import { SessionError } from "../session-error.js";
import type { SessionMeta } from "./session-meta.js";

/** The content of a session's record. */
export interface SessionContent {
  /** The form of the record. */
  version: 1;
  /** The absolute deadline, in ms since the epoch. In the data, since a `touch` moves the record's expiry. */
  deadline: number;
  values: Record<string, unknown>;
  /** Plain JSON. A codec keeps it as it is. */
  meta: SessionMeta;
}

/** Turns the content of a session into the bytes of a record, and back. */
export interface SessionCodec {
  /**
   * Encodes the content so that `decode` returns equal content. Need not be deterministic: changes are found by
   * comparing values, not bytes.
   *
   * @param maxBytes stops early if the bytes would be more, so that a huge value costs no more than a large one.
   * @throws SessionError `INVALID_VALUE`, with the key, for a value that `decode` would not bring back as it is;
   *   `TOO_LARGE` for content of more than `maxBytes`.
   */
  encode(content: SessionContent, maxBytes?: number): Uint8Array;
  /** Decodes a record. Throws whatever it likes for bytes that it did not write; they count as absent, reported. */
  decode(data: Uint8Array): SessionContent;
}

/**
 * The most that a session takes where `encode` is called without a limit: shared objects unfold in JSON.
 *
 * @internal
 */
export const DEFAULT_MAX_BYTES = 4_194_304;

/**
 * How deep values may be nested: far from what overflows a stack, in whatever reads the record.
 *
 * @internal
 */
export const MAX_LEVELS = 100;

/** @internal */
export const TOO_DEEP: string = `more than ${MAX_LEVELS} levels`;

const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * Encodes the JSON text of a record in UTF-8.
 *
 * @throws SessionError `TOO_LARGE`.
 *
 * @internal
 */
export function encodeRecord(text: string, maxBytes: number): Uint8Array {
  const data = Buffer.from(text);
  if (data.length > maxBytes) throw tooLarge(maxBytes);
  return data;
}

/**
 * @throws TypeError or SyntaxError for data that is not a session's JSON in UTF-8.
 *
 * @internal
 */
export function parseRecord(data: Uint8Array): Record<string, unknown> {
  const record: unknown = JSON.parse(decoder.decode(data));
  if (!isObject(record)) throw new TypeError("not the JSON of a session");
  if (record.version !== 1) throw new TypeError(unknownVersion(record.version));
  return record;
}

/**
 * @throws TypeError unless the head and the values have the form of a session.
 *
 * @internal
 */
export function contentOf({ deadline, meta }: Record<string, unknown>, values: unknown): SessionContent {
  if (typeof deadline !== "number" || !isObject(meta) || !isObject(values)) {
    throw new TypeError("not the JSON of a session");
  }
  return { version: 1, deadline, values, meta: meta as unknown as SessionMeta };
}

/** @internal */
export function invalidValue(key: string, why: string): SessionError {
  return new SessionError("INVALID_VALUE", `the session value "${key}" ${why}`);
}

/** @internal */
export function tooLarge(maxBytes: number): SessionError {
  return new SessionError("TOO_LARGE", `the session takes more than ${maxBytes} bytes`);
}

function unknownVersion(version: unknown): string {
  // Only a number is no data of the app's.
  const found = typeof version === "number" ? `of version ${version}` : "without a version";
  return `a record ${found}: this release reads version 1`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
