/** What a call does: `replace` is an insert or an update, as it expects no record or one. */
export type Kind = "find" | "commit" | "insert" | "update" | "touch" | "delete";

/** What a call has besides its token; which of it depends on the kind. */
export interface Content {
  readonly previous?: Uint8Array;
  readonly data?: Uint8Array;
  /** In ms since the epoch. */
  readonly expiry?: number;
}

const NONE: readonly Call[] = [];

/** A call of the store's that concerns one token, and its place among the calls of that token. */
export class Call {
  readonly kind: Kind;
  readonly token: string;
  readonly content: Content;
  /** By `performance.now()`, when it must have been sent. */
  readonly deadline: number;
  readonly resolve: (result: unknown) => void;
  /** Finds of the same token that were made before this one was sent: one answer is for all. */
  #twins: Call[] | undefined;
  readonly #reject: (error: unknown) => void;
  /** The next of the same token, which waits for this one. */
  next: Call | undefined;
  isSent = false;
  /** Are told when it has been answered. */
  observers: (() => void)[] | undefined;

  constructor(
    [kind, token, content]: readonly [Kind, string, Content],
    deadline: number,
    resolve: (result: unknown) => void,
    reject: (error: unknown) => void,
  ) {
    this.kind = kind;
    this.token = token;
    this.content = content;
    this.deadline = deadline;
    this.resolve = resolve;
    this.#reject = reject;
  }

  /** About what it takes of a statement. */
  get bytes(): number {
    const { previous, data } = this.content;
    return this.token.length + (previous?.length ?? 0) + (data?.length ?? 0);
  }

  get twins(): readonly Call[] {
    return this.#twins ?? NONE;
  }

  addTwin(twin: Call): void {
    this.#twins ??= [];
    this.#twins.push(twin);
  }

  reject(error: unknown): void {
    this.#reject(error);
    for (const twin of this.twins) twin.reject(error);
  }
}
