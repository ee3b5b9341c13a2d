import type { SessionRecord } from "@scs/core";
import type { SessionContent } from "../codecs/codec.js";
import type { SessionMeta } from "../codecs/session-meta.js";
import type { Lifetimes } from "../policy/timeouts.js";

/** A record that was read, and what it holds. */
export interface FoundSession {
  id: string;
  key: string;
  record: SessionRecord;
  content: SessionContent;
}

/** A session in the store: where it is, and what it held when it was last read or written. */
export interface StoredSession {
  id: string;
  key: string;
  /** The secret that the request's client has; `undefined` for a session that was found without its token. */
  secret: string | undefined;
  /** SHA-256 of the secret, in base64url. */
  secretHash: string | undefined;
  record: SessionRecord;
  /** The absolute deadline in ms since the epoch. */
  deadline: number;
  meta: SessionMeta;
  /** Whose it is by its stored values. */
  owner: string | undefined;
  /** Its timeouts by its stored values. */
  timeouts: Lifetimes;
}

/** Names a session in its owner's list; `undefined` if it is on none. */
export function handleOf(stored: Pick<StoredSession, "id" | "meta"> | undefined): string | undefined {
  return stored?.meta.owner === undefined ? undefined : `${stored.meta.owner.hash}.${stored.id}`;
}

/** Names a session for whoever watches: as its owner's list does, or by its ID if it is nobody's. */
export function publicHandleOf(stored: Pick<StoredSession, "id" | "meta"> | undefined): string | undefined {
  return handleOf(stored) ?? stored?.id;
}
