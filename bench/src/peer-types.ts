import type { EventEmitter } from "node:events";
import type { Store } from "express-session";

// Of packages that have no types, as far as they are used here.

export interface ConnectSqlite3 {
  default: (connect: object) => new (options: {
    dir: string;
    concurrentDb?: boolean;
  }) => Store & {
    client: EventEmitter;
    db: {
      run(text: string, callback: (error: Error | null) => void): void;
      close(callback: () => void): void;
    };
  };
}

export interface BetterSqlite3SessionStore {
  default: (session: object) => new (options: { client: object }) => Store & { clearExpiredSessions(): void };
}

export interface ConnectPgSimple {
  default: (
    session: object,
  ) => new (options: {
    pool: object;
    createTableIfMissing: boolean;
    pruneSessionInterval: false;
  }) => Store & { pruneSessions(done: (error?: unknown) => void): void; close(): Promise<void> };
}
