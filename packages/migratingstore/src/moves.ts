import type { FullStore } from "@scs/core";
import type { Location } from "./location.js";
import { type Draft, draftOf, marksOfMove, nameOfMove, signpostOf } from "./marks.js";
import type { MigrationStage } from "./migration-stage.js";

/** The two stores of a migration, and how far it is. */
export interface Migration {
  from: FullStore;
  to: FullStore;
  stage: MigrationStage;
  now: () => number;
}

/** More than the duration of any call, in ms. The writer of a younger draft may still decide the move. */
const IN_FLIGHT_MS = 60_000;
/** Minimum lifetime of a signpost, in ms: longer than any call that began before it. */
const SIGNPOST_MS = 600_000;
/** The data and the expiry with which a compare-and-swap removes a record. */
export const NOTHING: Uint8Array = new Uint8Array(0);
export const LONG_AGO = 0;

/** Moves records from the old store to the new one: a draft in the new store, then a signpost in the old one, which decides. */
export class Moves {
  readonly #options: Migration;

  constructor(options: Migration) {
    this.#options = options;
  }

  /** Moves a record as it is. Returns `false` if others changed it; then call it again. */
  async moveAlong(token: string, { record, draft }: Location & { at: "old" }): Promise<boolean> {
    const { from } = this.#options;
    return this.moveWith(
      token,
      { inOld: record.data, draft },
      record.data,
      record.expiry.getTime(),
      async () => {
        const again = await from.find(token);
        return again?.expiry.getTime() === record.expiry.getTime(); // whoever changes it from now on sees the draft
      },
    );
  }

  /**
   * Moves a record with new data: writes a draft to the new store, and decides by the signpost in the old one. Returns
   * `false` if others changed the record; then call it again.
   *
   * @param isCurrent Called when the draft is there: whether the move still may be decided.
   */
  async moveWith(
    token: string,
    present: { inOld: Uint8Array | undefined; draft: Uint8Array | undefined; isNew?: boolean },
    data: Uint8Array,
    expiry: number,
    isCurrent: () => Promise<boolean> = async () => true,
  ): Promise<boolean> {
    const { to, now } = this.#options;
    const draft: Draft = { name: nameOfMove(), at: now(), expiry, data };
    const marks = marksOfMove(draft);
    if (!(await to.replace(token, present.draft, marks.draft, new Date(expiry)))) return false;
    const isDecided = (await isCurrent()) && (await this.#decide(token, present, draft));
    if (!isDecided) await to.replace(token, marks.draft, NOTHING, new Date(LONG_AGO));
    return isDecided;
  }

  /**
   * Gives the undecided draft of another call a new expiry, and decides its move. Only for a draft with the data of the
   * record. Whichever call decides, the record gets the new expiry, because the draft keeps its name.
   */
  async takeOver(token: string, draft: Draft, expiry: number): Promise<boolean> {
    const { to, now } = this.#options;
    // Later than theirs: the bytes must differ, because their writer ends its draft if it does not decide.
    const mine = { ...draft, at: Math.max(now(), draft.at + 1), expiry };
    const [theirs, ours] = [marksOfMove(draft).draft, marksOfMove(mine).draft];
    if (!(await to.replace(token, theirs, ours, new Date(expiry)))) return false;
    return this.#decide(token, { inOld: draft.data }, mine);
  }

  /** Decides the move of a draft, and completes it unless another call has done so. */
  async #decide(
    token: string,
    { inOld, isNew = false }: { inOld: Uint8Array | undefined; isNew?: boolean },
    move: Draft,
  ): Promise<boolean> {
    const { from, to, now } = this.#options;
    const { draft, signpost } = marksOfMove(move);
    // The signpost must exist as long as the moved record, for everybody who finds its draft.
    const lasting = isNew ? 0 : move.expiry;
    const until = new Date(Math.max(lasting, now() + SIGNPOST_MS));
    if (!(await from.replace(token, inOld, signpost, until))) return false;
    await to.replace(token, draft, move.data, new Date(move.expiry));
    return true;
  }

  /** Returns whether a record can be moved: no younger draft is there, whose writer may still decide its move. */
  isFreeToMove({ draft }: { draft: Uint8Array | undefined }): boolean {
    const { stage, now } = this.#options;
    if (stage === "prepare") return false;
    const { at } = (draft && draftOf(draft)) ?? { at: Number.NEGATIVE_INFINITY };
    return Math.abs(now() - at) > IN_FLIGHT_MS;
  }

  /** Returns whether the move of this name is decided. */
  async isDecided(token: string, move: string): Promise<boolean> {
    const inOld = await this.#options.from.find(token);
    return inOld !== undefined && signpostOf(inOld.data) === move;
  }
}
