import type { SessionRecord } from "@scs/core";

/** A session in the store: where it is, and what it held when it was last read or written. */
export interface StoredSession {
  /** What the client sends. It may lead to the record by way of a renewal's grace. */
  token: string | undefined;
  key: string;
  record: SessionRecord;
}

/**
 * Why a session is no more: `destroyed` by the app, `expired` at its deadline, or `ended` by another request,
 * which destroyed, renewed or revoked it, or by its idle timeout.
 */
export type EndReason = "destroyed" | "expired" | "ended";

/** Where a session was, and the owner's list that it is to be taken from. */
export interface Ending {
  key: string;
  owner: string | undefined;
  id: string | undefined;
}

/** A session that is to be ended, and what it held when it was last read or written. */
export interface Destroyed extends Ending {
  data: Uint8Array;
}

/** The same, and the token that its client has. */
export interface Told extends Destroyed {
  token: string | undefined;
}
