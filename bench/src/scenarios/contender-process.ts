import { Child } from "../harness/child.js";
import type { Task } from "./operation.js";
import { failureOf, type Outcome } from "./outcome.js";
import type { StoreAnswer, StoreCommand, StoreRequest } from "./store-child.js";

/**
 * Time limits, after which a process counts as hanging: for its start and for each task; per thousand sessions, which a
 * slow disk writes one by one; and as a multiple of the measured time.
 */
const LIMIT_MS = { task: 60_000, thousand: 20_000, measured: 20 };

/** Measures the operations of one contender in a process of its own. */
export interface Measured {
  measure(task: Task): Promise<Outcome>;
  /** Ends the round. Returns its failure, if any. */
  endRound(): Promise<Outcome | undefined>;
  /** Ends the process. Returns a failure found at the end, if any. */
  end(): Promise<Outcome | undefined>;
}

/** A process for the operations of a store. Starts on first use, and again in the round after it has ended. */
export class StoreProcess implements Measured {
  readonly #prepare: () => Promise<StoreRequest>;
  readonly #limitMs: number;
  #child: Child<StoreCommand, StoreAnswer> | undefined;
  /** Why the process ended in this round. */
  #failure: { failure: string } | undefined;

  /** @param prepare returns the request; starts the server that the contender needs */
  constructor(
    prepare: () => Promise<StoreRequest>,
    { sessions, measureMs }: { sessions: number; measureMs: number },
  ) {
    this.#prepare = prepare;
    const { task, thousand, measured } = LIMIT_MS;
    this.#limitMs = task + (sessions / 1000) * thousand + measureMs * measured;
  }

  async measure(task: Task): Promise<Outcome> {
    const { outcome } = await this.#ask({ task });
    return outcome as Outcome;
  }

  async endRound(): Promise<Outcome | undefined> {
    const failed = this.#failure;
    this.#failure = undefined;
    if (failed !== undefined) return failed; // the writes before its end cannot be read back
    if (this.#child === undefined) return undefined;
    const { outcome } = await this.#ask({ isRoundOver: true });
    this.#failure = undefined;
    return outcome;
  }

  async end(): Promise<Outcome | undefined> {
    const failure = await this.#child?.end(LIMIT_MS.task);
    this.#child = undefined;
    return failure === undefined ? undefined : { failure };
  }

  async #ask(command: StoreCommand): Promise<StoreAnswer> {
    if (this.#failure !== undefined) return { outcome: this.#failure };
    try {
      this.#child ??= new Child(new URL("./store-child.js", import.meta.url), await this.#prepare());
      return await this.#child.ask(command, this.#limitMs);
    } catch (error) {
      this.#child = undefined;
      this.#failure = { failure: (failureOf(error).failure ?? "").replace(/^Error: /, "") };
      return { outcome: this.#failure };
    }
  }
}
