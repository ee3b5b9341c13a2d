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
  /** When the user authenticated last, in ms since the epoch. */
  authenticated?: number;
  /** The lifetime that the deadline was computed by; for managers with `policy` or `timeouts`. */
  lifetime?: LifetimeNote;
  /** Device and location of the session's last save; for managers with `client`. */
  client?: ClientNote;
  /** The device that the session is bound to, or is asked to be. */
  binding?: BindingNote;
}

/** When a lifetime began, in ms since the epoch, and how long it is. */
export interface LifetimeNote {
  since: number;
  ms: number;
}

/** What the app said of a client. */
export interface ClientNote {
  device?: string;
  location?: string;
}

/** What is noted of the device that a session is bound to (Device Bound Session Credentials). */
export interface BindingNote {
  /** Random; tells the session's bindings apart. No secret. */
  id: string;
  /** When the browser was asked, or has bound the session, in ms since the epoch. */
  at: number;
  /** What the device must sign next, and when the browser was told first, in ms since the epoch. */
  challenge: [value: string, at: number];
  /** The device's public key. Absent until the browser has bound the session. */
  key?: DeviceKey;
  /** SHA-256 of the values of the bound cookie that are honoured, and their end; the newest first. */
  cookies?: SecretNote[];
}

/** A public key as a JWK (RFC 7517), without what else a JWK may say. */
export type DeviceKey =
  | { kty: "EC"; crv: "P-256"; x: string; y: string }
  | { kty: "RSA"; n: string; e: string };

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
