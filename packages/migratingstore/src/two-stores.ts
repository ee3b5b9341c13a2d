import { createHash } from "node:crypto";
import type { FullStore, SessionEntry } from "@scs/core";
import { StoreError } from "@scs/core";
import type { Answer, Backend, Call } from "@scs/core/kit";
import { type Location, locate } from "./location.js";
import { type Draft, draftOf, isMarked, marksOfMove, nameOfMove, signpostOf } from "./marks.js";
import type { MigrationStage } from "./migration-stage.js";

export interface TwoStoresOptions {
  from: FullStore;
  to: FullStore;
  stage: MigrationStage;
  now: () => number;
}

/** Maximum number of concurrent changes by others after which a call tries again. */
const MAX_TRIES = 100;
/** More than the duration of any call, in ms. The writer of a younger draft may still decide the move. */
const IN_FLIGHT_MS = 60_000;
/** Minimum lifetime of a signpost, in ms: longer than any call that began before it. */
const SIGNPOST_MS = 600_000;
/** Number of entries per page. */
const PAGE = 256;

const [NOTHING, LONG_AGO] = [new Uint8Array(0), 0];

/**
 * Executes calls on the store that has the record. One compare-and-swap decides each call: in the new store if the record
 * is there, otherwise in the old store, where a move replaces the record by a signpost.
 */
export class TwoStores implements Backend {
  readonly concurrency = 256;
  readonly #options: TwoStoresOptions;

  constructor(options: TwoStoresOptions) {
    this.#options = options;
  }

  async execute(call: Call): Promise<Answer> {
    if ("data" in call && call.data !== undefined && isMarked(call.data)) {
      throw new StoreError("INVALID_ARGUMENT", "migratingstore: data must not begin like a mark of a move");
    }
    const { token } = call;
    switch (call.kind) {
      case "find":
        return this.#find(token);
      case "commit":
        return this.#untilDone(token, async (place) => {
          return (await this.#write(token, place, call.data, call.expiry))
            ? { answer: undefined }
            : undefined;
        });
      case "delete":
        return this.#untilDone(token, async (place) => {
          const isGone = place.at === "nowhere" || (await this.#write(token, place, NOTHING, LONG_AGO));
          return isGone ? { answer: undefined } : undefined;
        });
      case "replace":
        return this.#replace(call);
      case "touch":
        return this.#untilDone(token, async (place) => this.#touch(token, place, call.expiry));
    }
  }

  async #find(token: string): Promise<Answer> {
    return this.#untilDone(token, async (place) => {
      if (place.at === "nowhere") return { answer: undefined };
      const { record } = place;
      if (place.at === "new" || !this.#isFreeToMove(place)) return { answer: record };
      return (await this.#moveAlong(token, place)) ? { answer: record } : undefined;
    });
  }

  async #replace({ token, previous, data, expiry }: Call & { kind: "replace" }): Promise<Answer> {
    const { stage, from, to } = this.#options;
    if (previous !== undefined && !isMarked(previous) && !isSame(previous, data)) {
      // Most records are in the new store. If this succeeds, the record with these bytes is there, whatever drafts exist.
      const likely = stage === "prepare" ? from : to;
      if (await likely.replace(token, previous, data, new Date(expiry))) return true;
    }
    return this.#untilDone(token, async (place) => {
      const found = place.at === "nowhere" ? undefined : place.record.data;
      if (!isSame(found, previous)) return { answer: false };
      return (await this.#write(token, place, data, expiry)) ? { answer: true } : undefined;
    });
  }

  async #touch(token: string, place: Location, expiry: number): Promise<{ answer: Answer } | undefined> {
    if (place.at === "nowhere") return { answer: false };
    const isTouched =
      place.at === "new"
        ? await this.#options.to.touch(token, new Date(expiry))
        : await this.#write(token, place, place.record.data, expiry);
    return isTouched ? { answer: true } : undefined;
  }

  /** Repeats a step, which first locates the record, until it has an answer. */
  async #untilDone(
    token: string,
    step: (place: Location) => Promise<{ answer: Answer } | undefined>,
  ): Promise<Answer> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const place = await locate(this.#options.from, this.#options.to, token);
      const done = place && (await step(place));
      if (done !== undefined) return done.answer;
    }
    throw new StoreError(
      "UNAVAILABLE",
      `migratingstore: others changed a record ${MAX_TRIES} times meanwhile`,
    );
  }

  /** Replaces the record that was found. Returns `false` if it is no longer there; then call it again. */
  async #write(token: string, place: Location, data: Uint8Array, expiry: number): Promise<boolean> {
    const { from, to, stage, now } = this.#options;
    const until = new Date(expiry);
    if (place.at === "new") return to.replace(token, place.record.data, data, until);
    const inOld = place.at === "old" ? place.record.data : place.signpost;
    if (expiry > now() && this.#isFreeToMove(place)) {
      if (stage === "finish" && place.at === "nowhere") return to.replace(token, place.draft, data, until);
      return this.#move(token, { inOld, draft: place.draft, isNew: place.at === "nowhere" }, data, expiry);
    }
    if (expiry <= now() || !isSame(inOld, data)) return from.replace(token, inOld, data, until);
    // Compare-and-swap compares only data: a move that has read the earlier expiry must not decide with it.
    const draft = place.draft && draftOf(place.draft);
    if (draft !== undefined && isSame(draft.data, data)) return this.#takeOver(token, draft, expiry);
    if (!(await from.replace(token, inOld, data, until))) return false;
    const inNew = await to.find(token);
    return inNew === undefined || !isSame(draftOf(inNew.data)?.data ?? inNew.data, data);
  }

  /** Moves a record as it is. Returns `false` if others changed it; then call it again. */
  async #moveAlong(token: string, { record, draft }: Location & { at: "old" }): Promise<boolean> {
    const { from } = this.#options;
    return this.#move(
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

  /** Writes a draft to the new store, and decides the move by the signpost in the old one. */
  async #move(
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
  async #takeOver(token: string, draft: Draft, expiry: number): Promise<boolean> {
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
  #isFreeToMove({ draft }: { draft: Uint8Array | undefined }): boolean {
    const { stage, now } = this.#options;
    if (stage === "prepare") return false;
    const { at } = (draft && draftOf(draft)) ?? { at: Number.NEGATIVE_INFINITY };
    return Math.abs(now() - at) > IN_FLIGHT_MS;
  }

  /**
   * Reads the old store, then the new one. A record that is moved in between appears in both, so the first iteration
   * remembers a digest of each token.
   */
  async *pages(): AsyncGenerator<SessionEntry[]> {
    const given = new Set<string>();
    for await (const page of inPages(this.#options.from.entries())) {
      const records = page.filter(({ data }) => signpostOf(data) === undefined);
      for (const { token } of records) given.add(digestOf(token));
      yield records;
    }
    for await (const page of inPages(this.#options.to.entries())) {
      const fresh = page.filter(({ token }) => given.size === 0 || !given.has(digestOf(token)));
      const entries: SessionEntry[] = [];
      for (const entry of fresh) {
        const draft = draftOf(entry.data);
        if (draft === undefined) entries.push(entry);
        else if (await this.#isDecided(entry.token, draft.name)) {
          entries.push({ ...entry, data: draft.data, expiry: new Date(draft.expiry) });
        }
      }
      yield entries;
    }
  }

  async #isDecided(token: string, move: string): Promise<boolean> {
    const inOld = await this.#options.from.find(token);
    return inOld !== undefined && signpostOf(inOld.data) === move;
  }

  async *removeExpired(): AsyncGenerator<number> {
    yield await this.#options.from.deleteExpired();
    yield await this.#options.to.deleteExpired();
  }

  /** Iterates over the tokens of records to move, and of incomplete moves. */
  async *remaining(): AsyncGenerator<string> {
    for await (const { token } of this.#options.from.entries()) yield token;
  }

  /** Moves one record. Returns whether there was one to move. */
  async moveOne(token: string): Promise<boolean> {
    let isInOld = false;
    await this.#untilDone(token, async (place) => {
      if (place.at !== "old") return { answer: undefined };
      isInOld = true;
      if (!this.#isFreeToMove(place)) return { answer: undefined };
      return (await this.#moveAlong(token, place)) ? { answer: undefined } : undefined;
    });
    return isInOld;
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}

/** Returns 80 bits of a hash, so that a million tokens do not collide. */
function digestOf(token: string): string {
  return createHash("sha256").update(token).digest().toString("latin1", 0, 10);
}

async function* inPages(entries: AsyncIterable<SessionEntry>): AsyncGenerator<SessionEntry[]> {
  let page: SessionEntry[] = [];
  for await (const entry of entries) {
    if (page.push(entry) < PAGE) continue;
    yield page;
    page = [];
  }
  yield page;
}
