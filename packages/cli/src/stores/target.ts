import type { FullStore } from "@scs/core";
import { SessionManager } from "@scs/session";

/** Queries the database behind a store, for `doctor`. Returns rows. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** The kinds of stores that the command can open. */
export type StoreKind = "mem" | "file" | "hybrid" | "bolt" | "sqlite" | "postgres" | "redis" | "other";

/** An open store, and the facts that commands need. */
export interface Target {
  kind: StoreKind;
  /** The name that the user gave, without a password. */
  name: string;
  store: FullStore;
  /** The manager of the sessions: the app's own, if its configuration exports one. */
  sessions: SessionManager;
  /** Whether `sessions` knows the names of owners, as the app's own manager does. */
  knowsOwners: boolean;
  /** Present for stores in a database. */
  query?: Query;
  /** The quoted name of the table in SQL. */
  table?: string;
  /** The store's file or directory, if it has one. */
  path?: string;
  close(): Promise<void>;
}

/** Options that name the store to open. */
export interface TargetOptions {
  namespace?: string | undefined;
  /** Whether to create a missing file or table, for the destination of a copy. */
  isCreated?: boolean;
  onError: (error: Error) => void;
}

/** Creates a manager for a store without the app's configuration. */
export function managerOf(store: FullStore, { namespace, onError }: TargetOptions): SessionManager {
  return new SessionManager({
    store,
    owner: () => undefined, // only the hashes of owners, in the records, are known
    ...(namespace !== undefined && { namespace }),
    onError,
    storeTimeoutMs: 180_000,
  });
}
