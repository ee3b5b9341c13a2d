/** The timeouts of one session. A missing timeout defaults to the manager's option. */
export interface SessionTimeouts {
  /** Absolute lifetime in ms, from the beginning of the session or the last authentication. */
  lifetimeMs?: number | undefined;
  /** Lifetime since the last use, in ms. */
  idleTimeoutMs?: number | undefined;
}

/** The timeouts of a session. */
export interface Lifetimes {
  lifetimeMs: number;
  /** Infinity for none. */
  idleTimeoutMs: number;
  touchAfterMs: number;
}
