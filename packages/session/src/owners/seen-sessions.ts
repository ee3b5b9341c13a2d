import type { FoundSession } from "../persistence/stored-session.js";
import type { OwnerEntry } from "./owner-entry.js";

/** A live session of an owner, as it was when it was looked up. */
export interface SeenSession {
  /** When it became this owner's, in ms since the epoch. */
  since: number;
  /** Until when it lives, if nobody ends it, in ms since the epoch. */
  expiry: number;
  /** When it was looked up, and the entry that it had then, in ms since the epoch. */
  at: number;
  entryAt: number;
}

/** How long a session counts as live without another look, in ms. Who ends it takes its entry off the list. */
const SEEN_MS = 60_000;
/** Maximum number of sessions remembered, some 100 bytes each; all of one owner's, in any case. */
const MAX_SESSIONS = 10_000;

/** Remembers which sessions of owners at their limit were live lately: a log-in need not look at all of them. */
export class SeenSessions {
  /** By owner's hash and ID; the owner seen last comes last. */
  readonly #byOwner: Map<string, ReadonlyMap<string, SeenSession>> = new Map();
  #size = 0;

  /** Returns the session of an entry, if it is known to be live. */
  of(hash: string, { id, at }: OwnerEntry, now: number): SeenSession | undefined {
    const seen = this.#byOwner.get(hash)?.get(id);
    const isLive = seen !== undefined && seen.entryAt === at && now < seen.expiry && now < seen.at + SEEN_MS;
    return isLive ? seen : undefined;
  }

  /** Replaces what is known of an owner. */
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

/** Notes a session that was found live. */
export function seenNow({ record, content }: FoundSession, entry: OwnerEntry, now: number): SeenSession {
  const expiry = Math.min(record.expiry.getTime(), content.deadline);
  return { since: content.meta.owner?.since ?? 0, expiry, at: now, entryAt: entry.at };
}
