import { SingleBar } from "cli-progress";

/** Shows the progress of long work on stderr, if it is a terminal. */
export class Progress {
  readonly #bar: SingleBar | undefined;
  readonly #start: number = performance.now();
  #total = 0;

  constructor(isShown: boolean) {
    if (!isShown || !process.stderr.isTTY) return;
    const format = "{step} |{bar}| {value}/{total} · {rate}/s · {eta_formatted} left";
    this.#bar = new SingleBar({ format, stream: process.stderr, hideCursor: true, etaBuffer: 500 });
  }

  /** Begins a step. `total` may be an estimate. */
  begin(step: string, total: number): void {
    this.#total = total;
    this.#bar?.start(Math.max(total, 1), 0, { step: step.padEnd(9), rate: 0 });
  }

  update(done: number): void {
    if (this.#bar === undefined) return;
    if (done > this.#total) this.#bar.setTotal(done);
    const rate = Math.round(done / ((performance.now() - this.#start) / 1000));
    this.#bar.update(done, { rate });
  }

  end(): void {
    this.#bar?.stop();
  }
}
