import type { SessionCodec } from "../codecs/codec.js";
import type { SessionRecords } from "../persistence/session-records.js";
import { newNonce } from "../persistence/session-token.js";
import type { FoundSession } from "../persistence/stored-session.js";
import { SessionError } from "../session-error.js";
import type { OwnerEntry } from "./owner-entry.js";

/**
 * How long a log-in may be under way, in ms: its entry is made before its session is written, and until then is
 * not taken for one whose session has ended.
 */
export const PENDING_MS = 300_000;

/** Changes by others that one revocation is ready to come after. */
const MAX_TRIES = 100;
/** Maximum number of bars kept in one session. */
const MAX_BARS = 8;

/** Ends sessions for as long as they are the owner's who is meant. */
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
   * Ends a session if it is this owner's, and stops a log-in that is about to make it so.
   *
   * @returns the session as it was at its end, if there was one to end.
   */
  async end(hash: string, { id, at }: OwnerEntry): Promise<FoundSession | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const found = await this.#records.find(id);
      if (found !== undefined && isOf(found, hash)) {
        const ended = await this.#records.end(found, (current) => isOf(current, hash));
        if (ended !== undefined) return ended;
        continue; // another has ended it, or taken it: which decides
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

  /** Notes in another's session that log-ins of this owner which are under way must fail. */
  #bar(hash: string, { key, record, content }: FoundSession): Promise<boolean> {
    const bars = [{ hash, nonce: newNonce(), at: this.#now() }, ...openNotes(content.meta.bars, this.#now())];
    const meta = { ...content.meta, bars: bars.slice(0, MAX_BARS) };
    const data = this.#codec.encode({ ...content, meta }, Number.POSITIVE_INFINITY);
    return this.#records.write(key, record.data, { data, expiry: record.expiry });
  }
}

/** Returns the notes that what is in flight may still run into. */
export function openNotes<N extends { at: number }>(notes: readonly N[] | undefined, now: number): N[] {
  return (notes ?? []).filter(({ at }) => now - at < PENDING_MS);
}

/** Tells whether a session says that it is this owner's. */
export function isOf(session: FoundSession | undefined, hash: string): session is FoundSession {
  return session?.content.meta.owner?.hash === hash;
}
