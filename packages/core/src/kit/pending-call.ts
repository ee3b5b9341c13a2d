import type { SessionRecord } from "../store.js";
import type { CallKind } from "./call.js";

const RECORD_BYTES = 64;

/** A call in the queue: what it asks for, who waits for the answer, and its place among the calls of its token. */
export class PendingCall {
  readonly kind: CallKind;
  readonly token: string;
  readonly previous: Uint8Array | undefined;
  readonly data: Uint8Array | undefined;
  readonly expiry: number;
  /** Counts the calls of a queue. */
  readonly number: number;
  /** By `performance.now()`. */
  readonly deadline: number;
  /** About the memory that it takes while it waits, and a batch on its way. */
  readonly bytes: number;
  /** Whether a batch has it: from then on it may take effect. */
  isTaken = false;
  isAnswered = false;
  /** Whether the queue is done with it: nothing of it is under way any more. */
  isReleased = false;
  /** Whether no call of the token is before it. */
  isFirst = false;
  /** The next call of the token, which waits for this one. */
  next: PendingCall | undefined;
  /** The last call of the token, on the first only. */
  last: PendingCall = this;
  /** How many calls of the token there are, where they are in one sequence. */
  count: { calls: number } | undefined;
  /** Finds of the same token that this one answers as well. */
  twins: PendingCall[] | undefined;
  twinOf: PendingCall | undefined;
  readonly #resolve: (answer: SessionRecord | boolean | undefined) => void;
  readonly #reject: (error: unknown) => void;

  /** Positional, not by an object: there is one of these for each call. */
  constructor(
    kind: CallKind,
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array | undefined,
    expiry: number,
    number: number,
    deadline: number,
    resolve: (answer: SessionRecord | boolean | undefined) => void,
    reject: (error: unknown) => void,
  ) {
    this.kind = kind;
    this.token = token;
    this.previous = previous;
    this.data = data;
    this.expiry = expiry;
    this.number = number;
    this.deadline = deadline;
    this.bytes =
      RECORD_BYTES +
      token.length +
      (data === undefined ? 0 : data.length) +
      (previous === undefined ? 0 : previous.length);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether anybody still waits for the answer. */
  get isWanted(): boolean {
    return !this.isAnswered || (this.twins?.some((twin) => !twin.isAnswered) ?? false);
  }

  resolve(answer: SessionRecord | boolean | undefined): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.#resolve(answer);
  }

  reject(error: unknown): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.#reject(error);
  }
}
