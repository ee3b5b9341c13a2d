/** Runs the commits of one session one after the other. In parallel, each could insert a session of its own. */
export class CommitTurns {
  #last: Promise<unknown> | undefined;

  /** Whether a commit is in progress or waiting. */
  get isBusy(): boolean {
    return this.#last !== undefined;
  }

  run<R>(commit: () => Promise<R>): Promise<R> {
    const turn = this.#last === undefined ? commit() : this.#last.then(commit);
    const end = (): void => {
      if (this.#last === done) this.#last = undefined;
    };
    const done: Promise<void> = turn.then(end, end); // the caller of that commit handles its failure
    this.#last = done;
    return turn;
  }
}
