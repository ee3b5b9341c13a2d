import type { HttpRow } from "./http.js";
import { type CellRow, httpKeyOf, keyOf, type Results, rateRatio } from "./results.js";
import { agree } from "./statistics.js";

/** Another run, to which ratios are compared. */
export class Comparison {
  readonly other: Results;
  readonly #cells: Map<string, CellRow>;
  readonly #http: Map<string, HttpRow>;

  constructor(other: Results) {
    this.other = other;
    this.#cells = new Map(other.cells.map((cell) => [keyOf(cell), cell]));
    this.#http = new Map(other.http.map((row) => [httpKeyOf(row), row]));
  }

  /** Whether the median of the ratio is that of the other run, within 30 %; `undefined` if that run has it not. */
  agrees(ours: CellRow, theirs: CellRow): boolean | undefined {
    return doAgree(rateRatio(ours, theirs)?.median, this.median(ours, theirs));
  }

  /** The median of the ratio in the other run; `undefined` if that run has it not. */
  median(ours: CellRow, theirs: CellRow): number | undefined {
    const [mine, other] = [this.#cells.get(keyOf(ours)), this.#cells.get(keyOf(theirs))];
    return mine && other && rateRatio(mine, other)?.median;
  }

  /** The same of two applications. */
  agreesOverHttp(ours: HttpRow, theirs: HttpRow): boolean | undefined {
    return doAgree(rateRatio(ours, theirs)?.median, this.medianOverHttp(ours, theirs));
  }

  medianOverHttp(ours: HttpRow, theirs: HttpRow): number | undefined {
    const [mine, other] = [this.#http.get(httpKeyOf(ours)), this.#http.get(httpKeyOf(theirs))];
    return mine && other && rateRatio(mine, other)?.median;
  }
}

function doAgree(now: number | undefined, then: number | undefined): boolean | undefined {
  return now === undefined || then === undefined ? undefined : agree(now, then);
}

/** What is put behind a ratio: nothing if the other run agrees, or if there is none. */
export function markOf(agrees: boolean | undefined, comparison: Comparison | undefined): string {
  if (comparison === undefined || agrees) return "";
  return agrees === undefined ? " ?" : " !";
}
