import { type CellRow, keyOf, type Results, ratioOf } from "./results.js";
import { agree } from "./statistics.js";

/** Another run, to which ratios are compared. */
export class Comparison {
  readonly #cells: Map<string, CellRow>;

  constructor(other: Results) {
    this.#cells = new Map(other.cells.map((cell) => [keyOf(cell), cell]));
  }

  /** Whether the median of the ratio is that of the other run, within 30 %; `undefined` if that run has it not. */
  agrees(ours: CellRow, theirs: CellRow): boolean | undefined {
    const [mine, others] = [this.#cells.get(keyOf(ours)), this.#cells.get(keyOf(theirs))];
    const here = ratioOf(ours, theirs);
    const there = mine && others && ratioOf(mine, others);
    return here && there && agree(here.median, there.median);
  }
}
