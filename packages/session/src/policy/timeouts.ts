/** How long one session lives, and how long it may go unused. What is left out is as for all sessions. */
export interface SessionTimeouts {
  /** From the session's beginning, or its last authentication, to its end, in ms. */
  lifetimeMs?: number | undefined;
  /** From its last use to its end, in ms. */
  idleTimeoutMs?: number | undefined;
}

/** The timeouts of a session. */
export interface Lifetimes {
  lifetimeMs: number;
  /** Infinity for none. */
  idleTimeoutMs: number;
  touchAfterMs: number;
}
