import type { FullStore } from "@scs/core";
import { SessionManager } from "@scs/session";

/** Asks the database behind a store: for `doctor`. Returns rows. */
export type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/** The kinds of stores that the command can open. */
export type StoreKind = "mem" | "file" | "hybrid" | "bolt" | "sqlite" | "postgres" | "redis" | "other";

/** An opened store, and what a command has to know of it. */
export interface Target {
  kind: StoreKind;
  /** What the user called it, without a password. */
  name: string;
  store: FullStore;
  /** The manager that knows the sessions: the app's own, if the app's configuration names one. */
  sessions: SessionManager;
  /** Whether `sessions` says whose a session is by name, as the app's own does. */
  knowsOwners: boolean;
  /** For stores in a database. */
  query?: Query;
  /** The name of the table as it stands in SQL. */
  table?: string;
  /** The file or directory of a store that has one. */
  path?: string;
  close(): Promise<void>;
}

/** Options that name the store to open. */
export interface TargetOptions {
  namespace?: string | undefined;
  /** Creates the file or table of a store that is not there: for the goal of a copy. */
  isCreated?: boolean;
  onError: (error: Error) => void;
}

/** Makes a manager for a store of which the app's configuration is not known. */
export function managerOf(store: FullStore, { namespace, onError }: TargetOptions): SessionManager {
  return new SessionManager({
    store,
    owner: () => undefined, // owners are known by the hashes in the records alone
    ...(namespace !== undefined && { namespace }),
    onError,
    storeTimeoutMs: 180_000,
  });
}
