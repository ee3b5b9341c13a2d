import type { EventEmitter } from "node:events";
import type { Store } from "express-session";

// Types of packages without types, limited to what the benchmark uses.

export interface ConnectSqlite3 {
  default: (connect: object) => new (options: {
    dir: string;
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

export interface SessionFileStore {
  default: (
    session: object,
  ) => new (options: {
    path: string;
    retries: number;
    logFn: (message: string) => void;
  }) => Store;
}
