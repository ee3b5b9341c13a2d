import type { SessionRecord } from "../store.js";

/**
 * A call of a store as data. The token is well-formed, the bytes are the store's own, times are in ms since the epoch.
 * `kind` says what else it has: not `"data" in call`, since at run time every call has every key.
 */
export type Call = FindCall | CommitCall | DeleteCall | ReplaceCall | TouchCall;

export type CallKind = Call["kind"];

interface TokenCall {
  readonly token: string;
  /** Until when the caller waits, by `performance.now()`; infinite for a call that is carried out at once. */
  readonly deadline: number;
}

/** Answered by the live record, or `undefined`. */
export interface FindCall extends TokenCall {
  readonly kind: "find";
}

/** Answered by `undefined`. */
export interface CommitCall extends TokenCall {
  readonly kind: "commit";
  readonly data: Uint8Array;
  readonly expiry: number;
}

/** Answered by `undefined`. */
export interface DeleteCall extends TokenCall {
  readonly kind: "delete";
}

/** Answered by whether it wrote: the live record had the data `previous`, or there was none and none was expected. */
export interface ReplaceCall extends TokenCall {
  readonly kind: "replace";
  readonly previous: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly expiry: number;
}

/** Answered by whether there was a live record. */
export interface TouchCall extends TokenCall {
  readonly kind: "touch";
  readonly expiry: number;
}

/** An answer that puts the call back at the head of the queue, to be carried out in a later batch. */
export const AGAIN: unique symbol = Symbol("again");

/** What a backend answers to one call: its result, an error to reject it with, or {@link AGAIN}. */
export type Answer = SessionRecord | boolean | undefined | Error | typeof AGAIN;
