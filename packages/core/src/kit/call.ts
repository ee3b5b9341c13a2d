import type { SessionRecord } from "../store.js";

/**
 * A call of a store as data. The token is well-formed, the bytes belong to the store, times are in ms since the epoch.
 * Distinguish calls by `kind`, not by `"data" in call`: at run time every call has every key.
 */
export type Call = FindCall | CommitCall | DeleteCall | ReplaceCall | TouchCall;

/** The kind of a call: the name of the method of the store. */
export type CallKind = Call["kind"];

interface TokenCall {
  readonly token: string;
  /** When the caller gives up, by `performance.now()`; infinite for a synchronous call. */
  readonly deadline: number;
}

/** The answer is the live record, or `undefined`. */
export interface FindCall extends TokenCall {
  readonly kind: "find";
}

/** The answer is `undefined`. */
export interface CommitCall extends TokenCall {
  readonly kind: "commit";
  readonly data: Uint8Array;
  readonly expiry: number;
}

/** The answer is `undefined`. */
export interface DeleteCall extends TokenCall {
  readonly kind: "delete";
}

/** The answer is whether it wrote: the live record has the data `previous`, or both are `undefined`. */
export interface ReplaceCall extends TokenCall {
  readonly kind: "replace";
  readonly previous: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly expiry: number;
}

/** The answer is whether there was a live record. */
export interface TouchCall extends TokenCall {
  readonly kind: "touch";
  readonly expiry: number;
}

/** An answer that returns the call to the head of the queue, for a later batch. */
export const AGAIN: unique symbol = Symbol("again");

/** The answer of a backend to one call: its result, an error to reject it with, or {@link AGAIN}. */
export type Answer = SessionRecord | boolean | undefined | Error | typeof AGAIN;
