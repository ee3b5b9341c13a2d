import type { SessionCodec } from "../codecs/codec.js";
import type { SessionRecords } from "../persistence/session-records.js";
import { newNonce } from "../persistence/session-token.js";
import type { FoundSession } from "../persistence/stored-session.js";
import { SessionError } from "../session-error.js";
import type { OwnerEntry } from "./owner-entry.js";

/**
 * Maximum duration of a log-in in ms. Its entry is added before its session is written, and for this long counts as live
 * without a session.
 */
export const PENDING_MS = 300_000;

/** Maximum number of attempts of one revocation while others change the session. */
const MAX_TRIES = 100;
/** Maximum number of bars in one session. */
const MAX_BARS = 8;

/** Ends sessions, provided that they still have the given owner. */
export class Revocation {
  readonly #records: SessionRecords;
  readonly #codec: SessionCodec;
  readonly #now: () => number;

  constructor({ records, codec, now }: { records: SessionRecords; codec: SessionCodec; now: () => number }) {
    this.#records = records;
    this.#codec = codec;
    this.#now = now;
  }

  /**
   * Ends a session of this owner, or stops a log-in in flight that would give it this owner.
   *
   * @returns the session as it was at its end, if there was one to end.
   */
  async end(hash: string, { id, at }: OwnerEntry): Promise<FoundSession | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const found = await this.#records.find(id);
      if (found !== undefined && isOf(found, hash)) {
        const ended = await this.#records.end(found, (current) => isOf(current, hash));
        if (ended !== undefined) return ended;
        continue; // ended, or taken over by another owner: read again
      }
      if (at <= this.#now() - PENDING_MS) return undefined;
      const isStopped =
        found === undefined
          ? await this.#records.bar(id, new Date(this.#now() + PENDING_MS))
          : await this.#bar(hash, found);
      if (isStopped || (found === undefined && (await this.#records.find(id)) === undefined))
        return undefined;
    }
    throw new SessionError(
      "CONFLICT",
      `others changed a session ${MAX_TRIES} times while it was being revoked`,
    );
  }

  /** Bars a session that does not have this owner, so that log-ins of the owner in flight fail. */
  #bar(hash: string, { key, record, content }: FoundSession): Promise<boolean> {
    const bars = [{ hash, nonce: newNonce(), at: this.#now() }, ...openNotes(content.meta.bars, this.#now())];
    const meta = { ...content.meta, bars: bars.slice(0, MAX_BARS) };
    const data = this.#codec.encode({ ...content, meta }, Number.POSITIVE_INFINITY);
    return this.#records.write(key, record.data, { data, expiry: record.expiry });
  }
}

/** Returns the bars that log-ins in flight may still meet. */
export function openNotes<N extends { at: number }>(notes: readonly N[] | undefined, now: number): N[] {
  return (notes ?? []).filter(({ at }) => now - at < PENDING_MS);
}

/** Returns whether a session's record names this owner. */
export function isOf(session: FoundSession | undefined, hash: string): session is FoundSession {
  return session?.content.meta.owner?.hash === hash;
}
