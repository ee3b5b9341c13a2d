import type { SessionRecord } from "../store.js";
import type { AGAIN, Answer, CallKind } from "./call.js";

/** Approximate size of a call in memory, without its token and bytes. */
const CALL_BYTES = 64;

/** An answer that ends a call. */
export type FinalAnswer = Exclude<Answer, typeof AGAIN>;

/** A call in the queue: its content, the promise of its caller, and its place among the calls of its token. */
export class PendingCall {
  readonly kind: CallKind;
  readonly token: string;
  readonly previous: Uint8Array | undefined;
  readonly data: Uint8Array | undefined;
  readonly expiry: number;
  /** By `performance.now()`. */
  readonly deadline: number;
  /** Approximate size in memory while it waits, and in a batch. */
  readonly bytes: number;
  /** Position in the order of all calls of a queue. */
  number = 0;
  /** Its neighbours in that order, until it is released. */
  before: PendingCall | undefined;
  after: PendingCall | undefined;
  /** Whether it is in a batch: from then on it may take effect. */
  isTaken = false;
  isAnswered = false;
  /** Whether the queue has finished with it: the backend is no longer working on it. */
  isReleased = false;
  /** Whether it comes first of the calls of its token. */
  isFirst = false;
  /** The next call of the token, which waits for this one. */
  next: PendingCall | undefined;
  /** The last call of the token. Maintained on the first call only. */
  last: PendingCall = this;
  /** The number of calls of the token, which they share, where a batch is a sequence. */
  count: { calls: number } | undefined;
  /** Finds of the same token that get the same answer. */
  twins: PendingCall[] | undefined;
  twinOf: PendingCall | undefined;
  readonly #resolve: (answer: SessionRecord | boolean | undefined) => void;
  readonly #reject: (error: unknown) => void;

  /** Takes positional arguments: an options object for each call costs time. */
  constructor(
    kind: CallKind,
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array | undefined,
    expiry: number,
    deadline: number,
    resolve: (answer: SessionRecord | boolean | undefined) => void,
    reject: (error: unknown) => void,
  ) {
    this.kind = kind;
    this.token = token;
    this.previous = previous;
    this.data = data;
    this.expiry = expiry;
    this.deadline = deadline;
    this.bytes =
      CALL_BYTES +
      token.length +
      (data === undefined ? 0 : data.length) +
      (previous === undefined ? 0 : previous.length);
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether a caller still waits for the answer. */
  get isWanted(): boolean {
    return !this.isAnswered || (this.twins?.some((twin) => !twin.isAnswered) ?? false);
  }

  /** Answers the call and its twins. A twin gets a copy of the record. */
  answer(answer: FinalAnswer): void {
    this.#settle(answer);
    if (this.twins === undefined) return;
    const isRecord = typeof answer === "object" && "data" in answer;
    for (const twin of this.twins) twin.#settle(isRecord ? copyOf(answer) : answer);
  }

  /** Rejects this call, and not its twins. */
  reject(error: unknown): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.#reject(error);
  }

  #settle(answer: FinalAnswer): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    if (answer instanceof Error) this.#reject(answer);
    else this.#resolve(answer);
  }
}

function copyOf({ data, expiry }: SessionRecord): SessionRecord {
  return { data: Uint8Array.prototype.slice.call(data), expiry: new Date(expiry) };
}
