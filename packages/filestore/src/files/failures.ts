import { isOfOneFile } from "./file-error.js";

/** Collects the failures of work on many files: skips single files, and throws the first error at the end. */
export class Failures {
  readonly #onPassedOver: (error: unknown) => void;
  #ofOneFile: unknown;
  #ofMore: unknown;
  #passedOver = 0;

  /** @param onPassedOver Called with the error of each skipped file. */
  constructor(onPassedOver: (error: unknown) => void = () => undefined) {
    this.#onPassedOver = onPassedOver;
  }

  /** Number of skipped files. */
  get passedOver(): number {
    return this.#passedOver;
  }

  /** Keeps an error that concerns more than one file. */
  keep(error: unknown): void {
    this.#ofMore ??= error;
  }

  /**
   * Keeps the error of a file, and skips the file.
   *
   * @throws The error itself if it concerns other files too.
   */
  passOver(error: unknown): undefined {
    if (!isOfOneFile(error)) throw error;
    this.#ofOneFile ??= error;
    this.#passedOver++;
    this.#onPassedOver(error);
  }

  /** Returns the results of files, `undefined` for a skipped one. When it throws, nothing is in flight. */
  async settle<T>(results: readonly Promise<T>[]): Promise<(T | undefined)[]> {
    const outcomes = await Promise.allSettled(results);
    return outcomes.map((outcome) =>
      outcome.status === "fulfilled" ? outcome.value : this.passOver(outcome.reason),
    );
  }

  /**
   * Ends the work. Does nothing if nothing has failed.
   *
   * @throws The first error that concerns more than one file, or else the first error of a skipped file.
   */
  throwFirst(): void {
    const first = this.#ofMore ?? this.#ofOneFile;
    if (first !== undefined) throw first;
  }
}
