import type { SessionTraits } from "./session-traits.js";

/** A session, as shown to its owner. */
export interface OwnedSession<D = unknown> extends SessionTraits {
  /** Identifies the session in `revoke`. Not a token: it may be shown to the owner. */
  handle: string;
  /** Time when the session got this owner, usually at log-in. */
  created: Date;
  /** Time of the last use, accurate to `touchAfterMs`; without an idle timeout, time of the last save. */
  lastSeen: Date;
  /** Time when it ends if it is not used again. */
  expiry: Date;
  /** The result of `describe`, such as device and address; `undefined` if `describe` threw. */
  description: D;
}
