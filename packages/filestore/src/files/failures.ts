import { isOfOneFile } from "./file-error.js";

/** What fails in work on many files: it goes on past what is of one file alone, and throws the error at its end. */
export class Failures {
  readonly #onPassedOver: (error: unknown) => void;
  #ofOneFile: unknown;
  #ofMore: unknown;
  #passedOver = 0;

  /** @param onPassedOver Is told of each file that was passed over. */
  constructor(onPassedOver: (error: unknown) => void = () => undefined) {
    this.#onPassedOver = onPassedOver;
  }

  /** How many files were passed over. */
  get passedOver(): number {
    return this.#passedOver;
  }

  /** Keeps an error of more than one file. */
  keep(error: unknown): void {
    this.#ofMore ??= error;
  }

  /**
   * Keeps what has failed of a file.
   *
   * @throws The error itself, unless it is of this file alone: each of the others would fail of it as well.
   */
  passOver(error: unknown): undefined {
    if (!isOfOneFile(error)) throw error;
    this.#ofOneFile ??= error;
    this.#passedOver++;
    this.#onPassedOver(error);
  }

  /** Gives the results of files, `undefined` for one that was passed over. When it throws, nothing is under way. */
  async settle<T>(results: readonly Promise<T>[]): Promise<(T | undefined)[]> {
    const outcomes = await Promise.allSettled(results);
    return outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value : this.passOver(outcome.reason),
    );
  }

  /**
   * Ends the work: does nothing if nothing has failed.
   *
   * @throws The first error of more than one file; without one, the first that was passed over.
   */
  throwFirst(): void {
    const first = this.#ofMore ?? this.#ofOneFile;
    if (first !== undefined) throw first;
  }
}
