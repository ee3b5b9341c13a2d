/** Serializes the changes of one key within this process, so that they do not compete for the record. */
export class KeyTurns {
  readonly #last: Map<string, Promise<unknown>> = new Map();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const result = (this.#last.get(key) ?? Promise.resolve()).then(work);
    const turn = result.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, turn);
    void turn.then(() => {
      if (this.#last.get(key) === turn) this.#last.delete(key);
    });
    return result;
  }
}
