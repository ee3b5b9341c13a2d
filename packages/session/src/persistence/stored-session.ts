import type { SessionRecord } from "@scs/core";
import type { SessionContent } from "../codecs/codec.js";
import type { SessionMeta } from "../codecs/session-meta.js";
import type { Lifetimes } from "../policy/timeouts.js";

/** A record and its decoded content. */
export interface FoundSession {
  id: string;
  key: string;
  record: SessionRecord;
  content: SessionContent;
}

/** A session in the store, as last read or written. */
export interface StoredSession {
  id: string;
  key: string;
  /** The client's secret; `undefined` for a session that was found without its token. */
  secret: string | undefined;
  /** SHA-256 of the secret, in base64url. */
  secretHash: string | undefined;
  record: SessionRecord;
  /** The absolute deadline in ms since the epoch. */
  deadline: number;
  meta: SessionMeta;
  /** The owner, according to the stored values. */
  owner: string | undefined;
  /** The timeouts, according to the stored values. */
  timeouts: Lifetimes;
}

/** Returns the handle of a session in its owner's list; `undefined` if it is on none. */
export function handleOf(stored: Pick<StoredSession, "id" | "meta"> | undefined): string | undefined {
  return stored?.meta.owner === undefined ? undefined : `${stored.meta.owner.hash}.${stored.id}`;
}

/** Returns the handle of a session for events: that in its owner's list, or its ID if it has no owner. */
export function publicHandleOf(stored: Pick<StoredSession, "id" | "meta"> | undefined): string | undefined {
  return handleOf(stored) ?? stored?.id;
}

/** Returns whether two sessions were merged into each other; then the one with the greater ID does not end the other. */
export function isYielding(own: StoredSession | undefined, other: FoundSession): boolean {
  return (
    own !== undefined &&
    other.content.meta.merging?.some(({ id }) => id === own.id) === true &&
    own.id > other.id
  );
}

/** Returns a stored session without its values, to end it. */
export function foundOf({ id, key, record, deadline, meta }: StoredSession): FoundSession {
  return { id, key, record, content: { version: 1, deadline, meta, values: {} } };
}
