import { SessionError } from "../session-error.js";
import type { SessionMeta } from "./session-meta.js";

/** The content of a session's record. */
export interface SessionContent {
  /** The version of the format. */
  version: 1;
  /** The absolute deadline, in ms since the epoch. Stored in the data because `touch` moves the record's expiry. */
  deadline: number;
  values: Record<string, unknown>;
  /** Plain JSON, which a codec must keep. */
  meta: SessionMeta;
}

/** Encodes and decodes the content of a session. */
export interface SessionCodec {
  /**
   * Encodes the content so that `decode` returns equal content. Need not be deterministic: the manager compares values to
   * detect changes.
   *
   * @param maxBytes Limit at which to stop, so that a huge value costs no more than a large one.
   * @throws SessionError `INVALID_VALUE`, with the key, for a value that `decode` would not restore exactly; `TOO_LARGE` for
   *   content of more than `maxBytes`.
   */
  encode(content: SessionContent, maxBytes?: number): Uint8Array;
  /** Decodes a record. May throw any error for invalid bytes: the session counts as absent, and `onError` is called. */
  decode(data: Uint8Array): SessionContent;
}

/**
 * Maximum size of a session in bytes if `encode` is called without a limit: shared objects multiply in JSON.
 *
 * @internal
 */
export const DEFAULT_MAX_BYTES = 4_194_304;

/**
 * Maximum depth of nested values, so low that no reader of the record overflows its stack.
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
 * Parses a record.
 *
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
 * Checks the form of a record.
 *
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
  return new SessionError("TOO_LARGE", `the session is larger than ${maxBytes} bytes`);
}

function unknownVersion(version: unknown): string {
  // Quotes only a number, because other versions may be data of the app.
  const found = typeof version === "number" ? `of version ${version}` : "without a version";
  return `a record ${found}: this release reads version 1`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
