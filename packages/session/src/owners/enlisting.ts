import type { Bar, OwnerNote } from "../codecs/session-meta.js";
import { newNonce } from "../persistence/session-token.js";
import type { StoredSession } from "../persistence/stored-session.js";
import type { SessionState } from "../state/session-state.js";
import type { OwnerSessions } from "./owner-sessions.js";

/** An entry in an owner's list that a save has created or found for its session. */
export interface Enlistment {
  owner: string;
  note: OwnerNote;
  /** Time until which the entry is valid, in ms since the epoch. */
  deadline: number;
  /** Whether this save created it. */
  isNew: boolean;
  /** The session's bars when the entry was created. A later bar stops the log-in. */
  bars: readonly Bar[];
}

/** Time in ms after which a save checks again that the session is on its owner's list. */
const RECHECK_MS = 3_600_000;

/**
 * Keeps sessions on their owner's list. A save adds the entry before it writes the owner to the record, and removes it
 * after the record has changed, so that a crash in between leaves no session off its list.
 */
export class Enlisting {
  readonly #owners: OwnerSessions;
  readonly #now: () => number;

  constructor(owners: OwnerSessions, now: () => number) {
    this.#owners = owners;
    this.#now = now;
  }

  /** Returns whether the next save must update the entry of a stored session. */
  isCheckDue({ owner, meta }: StoredSession): boolean {
    if (owner === undefined) return false;
    return meta.owner === undefined || this.#now() - meta.owner.checked >= RECHECK_MS;
  }

  /** Returns whether an entry must be added or extended before the session can be saved with this owner. */
  isDue(state: SessionState, owner: string | undefined, entry: Enlistment | undefined): boolean {
    if (owner === undefined) return false;
    const { stored } = state;
    if (entry?.owner === owner && isValid(entry, stored)) return state.settings.deadline > entry.deadline;
    const isListed = stored?.owner === owner && stored.meta.owner?.hash === this.#owners.hashOf(owner);
    return !isListed || state.settings.deadline > stored.deadline || this.isCheckDue(stored);
  }

  /** Adds the session to the owner's list. `former` is the entry of an earlier attempt of this save. */
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

  /** Removes the entry of a save that failed. */
  async withdraw(state: SessionState, entry: Enlistment | undefined): Promise<void> {
    if (entry?.isNew) await this.#remove((state.stored ?? state.fresh).id, entry.note);
  }

  /**
   * Removes a saved session from the lists of former owners, and ends the oldest sessions of an owner above the limit.
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

/** Returns whether the log-in was revoked after the session was added to the list. */
export function isBarred({ note, bars, isNew }: Enlistment, current: readonly Bar[] | undefined): boolean {
  if (!isNew || current === undefined) return false;
  return current.some(
    ({ hash, nonce }) => hash === note.hash && !bars.some((known) => known.nonce === nonce),
  );
}

/** Returns whether the entry stays on its list. An existing entry is removed by its stamp in the record. */
function isValid({ isNew, note }: Enlistment, stored: StoredSession | undefined): boolean {
  return isNew || stored?.meta.owner?.stamp === note.stamp;
}
