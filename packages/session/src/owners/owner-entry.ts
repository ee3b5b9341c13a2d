import type { FoundSession } from "../persistence/stored-session.js";

/** One session in its owner's list. Only a hint where the session is: its record decides. */
export interface OwnerEntry {
  /** The session's ID. */
  id: string;
  /** Random, one per save that added the session. The entry stays until the last of these saves removes its stamp. */
  stamps: string[];
  /** Time when the session got this owner, in ms since the epoch. */
  created: number;
  /** The latest of its absolute deadlines, in ms since the epoch. */
  deadline: number;
  /** Time when the entry was last added, in ms since the epoch. */
  at: number;
}

/** The part of an entry that one save adds. */
export interface NewEntry {
  id: string;
  /** Random; identifies this save among those that added the session to the list. */
  stamp: string;
  created: number;
  deadline: number;
}

/** Creates the entry of a session from the owner in its record. */
export function entryOf({ id, content }: FoundSession): OwnerEntry {
  const { since = 0, stamp, checked = 0 } = content.meta.owner ?? {};
  const stamps = stamp === undefined ? [] : [stamp];
  return { id, stamps, created: since, deadline: content.deadline, at: checked };
}

/** Creates an entry for a session that is on no list, without a log-in in flight. */
export function hint(id: string): OwnerEntry {
  return { id, stamps: [], created: 0, deadline: 0, at: Number.NEGATIVE_INFINITY };
}

export function isHint({ at }: OwnerEntry): boolean {
  return at === Number.NEGATIVE_INFINITY;
}

/** Adds a save's entry, or adds its stamp to the existing entry. */
export function withEntry(entries: readonly OwnerEntry[], made: NewEntry, at: number): OwnerEntry[] {
  const { id, stamp, created, deadline } = made;
  const known = entries.find((entry) => entry.id === id);
  if (known === undefined) return [...entries, { id, stamps: [stamp], created, deadline, at }];
  const stamps = known.stamps.includes(stamp) ? known.stamps : [...known.stamps, stamp];
  const renewed = { ...known, stamps, deadline: Math.max(deadline, known.deadline), at };
  return entries.map((entry) => (entry === known ? renewed : entry));
}

/** Removes stamps, and entries without stamps. Returns `undefined` if no entry has such a stamp. */
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

/** @throws for bytes that are not an owner's list. */
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
