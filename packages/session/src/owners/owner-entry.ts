import type { FoundSession } from "../persistence/stored-session.js";

/** One session in its owner's list: a hint of where it is. The session's record decides. */
export interface OwnerEntry {
  /** The session's ID. */
  id: string;
  /** Random, one for each save that has put the session here: it stays until the last of them takes it off again. */
  stamps: string[];
  /** When the session became this owner's, in ms since the epoch. */
  created: number;
  /** The latest of its absolute deadlines, in ms since the epoch. */
  deadline: number;
  /** When the entry was last made, in ms since the epoch. */
  at: number;
}

/** The part of an entry that one save makes. */
export interface NewEntry {
  id: string;
  /** Random; names this save among those that have put the session on the list. */
  stamp: string;
  created: number;
  deadline: number;
}

/** Makes the entry of a session that says itself whose it is. */
export function entryOf({ id, content }: FoundSession): OwnerEntry {
  const { since = 0, stamp, checked = 0 } = content.meta.owner ?? {};
  const stamps = stamp === undefined ? [] : [stamp];
  return { id, stamps, created: since, deadline: content.deadline, at: checked };
}

/** Makes an entry of a session that is on no list: it is no log-in under way. */
export function hint(id: string): OwnerEntry {
  return { id, stamps: [], created: 0, deadline: 0, at: Number.NEGATIVE_INFINITY };
}

export function isHint({ at }: OwnerEntry): boolean {
  return at === Number.NEGATIVE_INFINITY;
}

/** Adds a save's entry, or its stamp to the one that is there. */
export function withEntry(entries: readonly OwnerEntry[], made: NewEntry, at: number): OwnerEntry[] {
  const { id, stamp, created, deadline } = made;
  const known = entries.find((entry) => entry.id === id);
  if (known === undefined) return [...entries, { id, stamps: [stamp], created, deadline, at }];
  const stamps = known.stamps.includes(stamp) ? known.stamps : [...known.stamps, stamp];
  const renewed = { ...known, stamps, deadline: Math.max(deadline, known.deadline), at };
  return entries.map((entry) => (entry === known ? renewed : entry));
}

/** Removes stamps, and the entries that have none left; `undefined` if none of them is there. */
export function withoutStamps(
  entries: readonly OwnerEntry[],
  gone: readonly Pick<OwnerEntry, "id" | "stamps">[],
): OwnerEntry[] | undefined {
  const stampsOf = new Map(gone.map(({ id, stamps }) => [id, stamps]));
  if (!entries.some(({ id, stamps }) => stampsOf.get(id)?.some((stamp) => stamps.includes(stamp)))) return;
  return entries.flatMap((entry) => {
    const stamps = entry.stamps.filter((stamp) => stampsOf.get(entry.id)?.includes(stamp) !== true);
    return stamps.length === 0 ? [] : [{ ...entry, stamps }];
  });
}

export function encodeEntries(sessions: readonly OwnerEntry[]): Uint8Array {
  return Buffer.from(JSON.stringify({ version: 1, sessions }));
}

/** @throws for bytes that are no owner's list. */
export function decodeEntries(data: Uint8Array): OwnerEntry[] {
  const { version, sessions } = JSON.parse(Buffer.from(data).toString()) as {
    version: unknown;
    sessions: OwnerEntry[];
  };
  if (version !== 1 || !sessions.every(isEntry)) throw new TypeError("not an owner's list");
  return sessions;
}

function isEntry({ id, stamps, created, deadline, at }: OwnerEntry): boolean {
  return (
    typeof id === "string" &&
    Array.isArray(stamps) &&
    [created, deadline, at].every((ms) => Number.isFinite(ms))
  );
}
