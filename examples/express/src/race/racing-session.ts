import type { Request } from "express";

/** The session operations that the two apps of a race need. */
export interface RacingSession {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  end(): Promise<void>;
}

/** Returns the session of a request, for either library. */
export type SessionOf = (req: Request) => RacingSession;
