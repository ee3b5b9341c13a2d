/**
 * What the manager notes of a session beside its values. Plain JSON: a codec keeps it as it is and looks at none
 * of it.
 */
export interface SessionMeta {
  /** The secrets that lead to the session, the newest first. */
  secrets: SecretNote[];
  /** Whose list the session is on; absent while it is nobody's. */
  owner?: OwnerNote;
  /** Time of the last save in ms since the epoch; for sessions with an owner. */
  seen?: number;
  /** Whether the cookie outlives the browser, if the app has said so for this session. */
  persist?: boolean;
  /** The sessions whose values this one has taken, and which are about to end. */
  merging?: MergeNote[];
  /** Until when the key stays occupied after the session's end, in ms since the epoch: if its ID was derived. */
  barredUntil?: number;
  /** Owners whose log-in to this session was revoked while it was under way. */
  bars?: Bar[];
}

/** SHA-256 of a secret in base64url, and the end of its grace in ms since the epoch, if a renewal gave it one. */
export type SecretNote = [hash: string, until?: number];

/** The session's entry in its owner's list. */
export interface OwnerNote {
  /** Stands for the owner, see `OwnerSessions.hashOf`. */
  hash: string;
  /** Random; names the very entry, so that a late removal spares a newer one. */
  stamp: string;
  /** When the session became this owner's, in ms since the epoch. */
  since: number;
  /** When the entry was last known to be on the list, in ms since the epoch. */
  checked: number;
}

/** Stops log-ins of one owner that had begun before `at`, in ms since the epoch. */
export interface Bar {
  hash: string;
  /** Random; tells one bar from another. */
  nonce: string;
  at: number;
}

/** A session that is about to be ended by the one that took its values at this time, in ms since the epoch. */
export interface MergeNote {
  id: string;
  at: number;
}
