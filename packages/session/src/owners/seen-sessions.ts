import type { FoundSession } from "../persistence/stored-session.js";
import type { OwnerEntry } from "./owner-entry.js";

/** A live session of an owner, as last looked up. */
export interface SeenSession {
  /** Time when it got this owner, in ms since the epoch. */
  since: number;
  /** Time of its expiry, in ms since the epoch. */
  expiry: number;
  /** Times of the look-up and of its entry then, in ms since the epoch. */
  at: number;
  entryAt: number;
}

/** Time in ms for which a session counts as live without another look-up. Ending it removes its entry from the list. */
const SEEN_MS = 60_000;
/** Maximum number of remembered sessions, about 100 bytes each; one owner's sessions may exceed it. */
const MAX_SESSIONS = 10_000;

/** Remembers recently live sessions of owners at their limit, so that a log-in need not read all of them. */
export class SeenSessions {
  /** The sessions by owner's hash and ID, most recently seen owner last. */
  readonly #byOwner: Map<string, ReadonlyMap<string, SeenSession>> = new Map();
  #size = 0;

  /** Returns the session of an entry, if it was recently live. */
  of(hash: string, { id, at }: OwnerEntry, now: number): SeenSession | undefined {
    const seen = this.#byOwner.get(hash)?.get(id);
    const isLive = seen !== undefined && seen.entryAt === at && now < seen.expiry && now < seen.at + SEEN_MS;
    return isLive ? seen : undefined;
  }

  /** Replaces the sessions of an owner. */
  replace(hash: string, sessions: ReadonlyMap<string, SeenSession>): void {
    this.#forget(hash);
    this.#byOwner.set(hash, sessions);
    this.#size += sessions.size;
    for (const other of this.#byOwner.keys()) {
      if (this.#size <= MAX_SESSIONS || other === hash) return;
      this.#forget(other);
    }
  }

  #forget(hash: string): void {
    this.#size -= this.#byOwner.get(hash)?.size ?? 0;
    this.#byOwner.delete(hash);
  }
}

/** Remembers a live session. */
export function seenNow({ record, content }: FoundSession, entry: OwnerEntry, now: number): SeenSession {
  const expiry = Math.min(record.expiry.getTime(), content.deadline);
  return { since: content.meta.owner?.since ?? 0, expiry, at: now, entryAt: entry.at };
}
