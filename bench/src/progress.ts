import { SingleBar } from "cli-progress";
import type { Progress } from "./site.js";

/** A bar on the terminal; where there is none, nothing. */
export class ProgressBar implements Progress {
  #bar: SingleBar | undefined;

  start(steps: number): void {
    this.#bar = new SingleBar({
      format: "{bar} {value}/{total} | {eta_formatted} left | {what}",
      hideCursor: true,
      clearOnComplete: true,
      stream: process.stderr,
    });
    this.#bar.start(steps, -1, { what: "" });
  }

  /** Called when a step begins: the one before has ended. */
  step(what: string): void {
    this.#bar?.increment(1, { what });
  }

  stop(): void {
    this.#bar?.stop();
  }
}
