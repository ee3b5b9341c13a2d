/**
 * The manager's data about a session, beside its values. Plain JSON, which a codec stores without looking at it.
 */
export interface SessionMeta {
  /** The honoured secrets, newest first. */
  secrets: SecretNote[];
  /** The session's entry in its owner's list; absent without an owner. */
  owner?: OwnerNote;
  /** Time of the last save in ms since the epoch; for sessions with an owner. */
  seen?: number;
  /** Whether the cookie outlives the browser, if the app has set that for this session. */
  persist?: boolean;
  /** The sessions merged into this one, which are about to end. */
  merging?: MergeNote[];
  /** Time until which the key stays occupied after the session's end, in ms since the epoch; for a derived ID. */
  barredUntil?: number;
  /** Owners whose log-in to this session was revoked while in flight. */
  bars?: Bar[];
  /** When the user authenticated last, in ms since the epoch. */
  authenticated?: number;
  /** The lifetime from which the deadline was computed; for managers with `policy` or `timeouts`. */
  lifetime?: LifetimeNote;
  /** Device and location of the session's last save; for managers with `client`. */
  client?: ClientNote;
  /** The binding of the session to a device, requested or complete. */
  binding?: BindingNote;
}

/** The begin of a lifetime in ms since the epoch, and its length in ms. */
export interface LifetimeNote {
  since: number;
  ms: number;
}

/** The app's description of a client. */
export interface ClientNote {
  device?: string;
  location?: string;
}

/** The binding of a session to a device (Device Bound Session Credentials). */
export interface BindingNote {
  /** A random ID of the binding, because a session may get several. Not secret. */
  id: string;
  /** Time of the request to bind the session, or of the binding, in ms since the epoch. */
  at: number;
  /** The next challenge to sign, and the time when the browser first got it, in ms since the epoch. */
  challenge: [value: string, at: number];
  /** The device's public key. Absent until the browser has bound the session. */
  key?: DeviceKey;
  /** SHA-256 of the honoured values of the bound cookie, with their end; newest first. */
  cookies?: SecretNote[];
}

/** A public key as a JWK (RFC 7517), reduced to the key itself. */
export type DeviceKey =
  | { kty: "EC"; crv: "P-256"; x: string; y: string }
  | { kty: "RSA"; n: string; e: string };

/** SHA-256 of a secret in base64url, and the end of its grace period, if any, in ms since the epoch. */
export type SecretNote = [hash: string, until?: number];

/** The session's entry in its owner's list. */
export interface OwnerNote {
  /** Hash of the owner; see `OwnerSessions.hashOf`. */
  hash: string;
  /** Random; identifies the entry, so that a late removal spares a newer one. */
  stamp: string;
  /** Time when the session got this owner, in ms since the epoch. */
  since: number;
  /** Time when the entry was last seen on the list, in ms since the epoch. */
  checked: number;
}

/** Stops log-ins of one owner that began before `at`, in ms since the epoch. */
export interface Bar {
  hash: string;
  /** Random; identifies the bar. */
  nonce: string;
  at: number;
}

/** A session that was merged into this one at this time, in ms since the epoch, and is about to end. */
export interface MergeNote {
  id: string;
  at: number;
}
