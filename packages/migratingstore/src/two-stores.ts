import { createHash } from "node:crypto";
import { type SessionEntry, StoreError } from "@scs/core";
import type { Answer, Backend, Call } from "@scs/core/kit";
import { type Location, locate } from "./location.js";
import { draftOf, isMarked, signpostOf } from "./marks.js";
import { LONG_AGO, type Migration, Moves, NOTHING } from "./moves.js";

/** Maximum number of concurrent changes by others after which a call tries again. */
const MAX_TRIES = 100;
/** Number of entries per page. */
const PAGE = 256;

/**
 * Executes calls on the store that has the record. One compare-and-swap decides each call: in the new store if the record
 * is there, otherwise in the old store, where a move replaces the record by a signpost.
 */
export class TwoStores implements Backend {
  readonly concurrency = 256;
  readonly #options: Migration;
  readonly #moves: Moves;

  constructor(options: Migration) {
    this.#options = options;
    this.#moves = new Moves(options);
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
      if (place.at === "new" || !this.#moves.isFreeToMove(place)) return { answer: record };
      return (await this.#moves.moveAlong(token, place)) ? { answer: record } : undefined;
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
    if (expiry > now() && this.#moves.isFreeToMove(place)) {
      if (stage === "finish" && place.at === "nowhere") return to.replace(token, place.draft, data, until);
      return this.#moves.moveWith(
        token,
        { inOld, draft: place.draft, isNew: place.at === "nowhere" },
        data,
        expiry,
      );
    }
    if (expiry <= now() || !isSame(inOld, data)) return from.replace(token, inOld, data, until);
    // Compare-and-swap compares only data: a move that has read the earlier expiry must not decide with it.
    const draft = place.draft && draftOf(place.draft);
    if (draft !== undefined && isSame(draft.data, data)) return this.#moves.takeOver(token, draft, expiry);
    if (!(await from.replace(token, inOld, data, until))) return false;
    const inNew = await to.find(token);
    return inNew === undefined || !isSame(draftOf(inNew.data)?.data ?? inNew.data, data);
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
        else if (await this.#moves.isDecided(entry.token, draft.name)) {
          entries.push({ ...entry, data: draft.data, expiry: new Date(draft.expiry) });
        }
      }
      yield entries;
    }
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
      if (!this.#moves.isFreeToMove(place)) return { answer: undefined };
      return (await this.#moves.moveAlong(token, place)) ? { answer: undefined } : undefined;
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
