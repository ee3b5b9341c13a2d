import type { HttpRow } from "./http.js";
import { type CellRow, httpKeyOf, keyOf, type Results, rateRatio } from "./results.js";
import { agree } from "./statistics.js";

/** Another run, to which ratios are compared. */
export class Comparison {
  readonly #cells: Map<string, CellRow>;
  readonly #http: Map<string, HttpRow>;

  constructor(other: Results) {
    this.#cells = new Map(other.cells.map((cell) => [keyOf(cell), cell]));
    this.#http = new Map(other.http.map((row) => [httpKeyOf(row), row]));
  }

  /** Whether the median of the ratio is that of the other run, within 30 %; `undefined` if that run has it not. */
  agrees(ours: CellRow, theirs: CellRow): boolean | undefined {
    return doAgree([ours, theirs], [this.#cells.get(keyOf(ours)), this.#cells.get(keyOf(theirs))]);
  }

  /** The median of the ratio in the other run; `undefined` if that run has it not. */
  median(ours: CellRow, theirs: CellRow): number | undefined {
    const [mine, other] = [this.#cells.get(keyOf(ours)), this.#cells.get(keyOf(theirs))];
    return mine && other && rateRatio(mine, other)?.median;
  }

  /** The same of two applications. */
  agreesOverHttp(ours: HttpRow, theirs: HttpRow): boolean | undefined {
    return doAgree([ours, theirs], [this.#http.get(httpKeyOf(ours)), this.#http.get(httpKeyOf(theirs))]);
  }
}

type Measured = Pick<CellRow, "run" | "rounds">;

function doAgree(
  here: readonly [Measured, Measured],
  there: readonly [Measured | undefined, Measured | undefined],
): boolean | undefined {
  const [mine, theirs] = there;
  const now = rateRatio(...here);
  const then = mine && theirs && rateRatio(mine, theirs);
  return now && then && agree(now.median, then.median);
}
