import type { Bar, OwnerNote } from "../codecs/session-meta.js";
import { newNonce } from "../persistence/session-token.js";
import type { StoredSession } from "../persistence/stored-session.js";
import type { SessionState } from "../state/session-state.js";
import type { OwnerSessions } from "./owner-sessions.js";

/** An entry of an owner's list that a save has made or found for its session. */
export interface Enlistment {
  owner: string;
  note: OwnerNote;
  /** Until when the entry keeps, in ms since the epoch. */
  deadline: number;
  /** Whether this save made it. */
  isNew: boolean;
  /** Those of the session when the entry was made. One more stops the log-in. */
  bars: readonly Bar[];
}

/** How long a session is trusted to be on its owner's list, in ms. After that, a save looks again. */
const RECHECK_MS = 3_600_000;

/**
 * Keeps sessions on the list of their owner while they are saved: an entry comes before the record that says whose the
 * session is, and goes after it, so that a stop in between leaves no session off its list.
 */
export class Enlisting {
  readonly #owners: OwnerSessions;
  readonly #now: () => number;

  constructor(owners: OwnerSessions, now: () => number) {
    this.#owners = owners;
    this.#now = now;
  }

  /** Tells whether the entry of a stored session is to be looked after with the next save. */
  isCheckDue({ owner, meta }: StoredSession): boolean {
    if (owner === undefined) return false;
    return meta.owner === undefined || this.#now() - meta.owner.checked >= RECHECK_MS;
  }

  /** Tells whether an entry must be made, or kept for longer, before the session can be saved as this owner's. */
  isDue(state: SessionState, owner: string | undefined, entry: Enlistment | undefined): boolean {
    if (owner === undefined) return false;
    const { stored } = state;
    if (entry?.owner === owner && isValid(entry, stored)) return state.settings.deadline > entry.deadline;
    const isListed = stored?.owner === owner && stored.meta.owner?.hash === this.#owners.hashOf(owner);
    return !isListed || state.settings.deadline > stored.deadline || this.isCheckDue(stored);
  }

  /** Puts the session on the owner's list. `former` is what this save has done before. */
  async enlist(
    state: SessionState,
    id: string,
    owner: string,
    former: Enlistment | undefined,
  ): Promise<Enlistment> {
    const { lists } = this.#owners;
    const hash = this.#owners.hashOf(owner);
    const now = this.#now();
    const { stored } = state;
    const { deadline } = state.settings;
    const same = former?.owner === owner && isValid(former, stored) ? former : undefined;
    const bars = same?.bars ?? stored?.meta.bars ?? [];
    if (same === undefined) await this.withdraw(state, former);
    const known = same?.note ?? (stored?.meta.owner?.hash === hash ? stored.meta.owner : undefined);
    const note = { ...(known ?? { hash, stamp: newNonce(), since: now }), checked: now };
    await lists.add(hash, { id, stamp: note.stamp, created: note.since, deadline });
    return { owner, note, deadline, bars, isNew: same?.isNew ?? known === undefined };
  }

  /** Takes the session off a list that this save has put it on in vain. */
  async withdraw(state: SessionState, entry: Enlistment | undefined): Promise<void> {
    if (entry?.isNew) await this.#remove((state.stored ?? state.fresh).id, entry.note);
  }

  /**
   * Takes a session that was saved off the lists that it is not on any more, and ends the eldest of an owner who has
   * too many.
   */
  async settle(
    id: string,
    before: OwnerNote | undefined,
    after: OwnerNote | undefined,
    entry: Enlistment | undefined,
  ): Promise<void> {
    if (before !== undefined && before.stamp !== after?.stamp) await this.#remove(id, before);
    if (!entry?.isNew) return;
    if (entry.note.stamp === after?.stamp) await this.#owners.trim(entry.note.hash);
    else await this.#remove(id, entry.note);
  }

  async #remove(id: string, { hash, stamp }: OwnerNote): Promise<void> {
    await this.#owners.lists.remove(hash, [{ id, stamps: [stamp] }]);
  }
}

/** Tells whether a revocation came in between, since the session was put on the list. */
export function isBarred({ note, bars, isNew }: Enlistment, current: readonly Bar[] | undefined): boolean {
  if (!isNew || current === undefined) return false;
  return current.some(
    ({ hash, nonce }) => hash === note.hash && !bars.some((known) => known.nonce === nonce),
  );
}

/** Tells whether nobody takes the entry off its list: one that was found there goes with its stamp in the record. */
function isValid({ isNew, note }: Enlistment, stored: StoredSession | undefined): boolean {
  return isNew || stored?.meta.owner?.stamp === note.stamp;
}
