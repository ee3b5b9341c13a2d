import type { Request } from "express";

/** What the two apps of a race need of a request's session. */
export interface RacingSession {
  get(key: string): unknown;
  set(key: string, value: unknown): void;
  end(): Promise<void>;
}

/** Gives a request's session: by either library. */
export type SessionOf = (req: Request) => RacingSession;
