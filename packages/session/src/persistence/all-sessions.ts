import type { OwnerSessions } from "../owners/owner-sessions.js";
import type { SessionState } from "../state/session-state.js";
import type { BoundedStore } from "./bounded-store.js";
import type { SessionRecords } from "./session-records.js";
import type { SessionRepository } from "./session-repository.js";
import type { FoundSession } from "./stored-session.js";

interface Stored {
  store: BoundedStore;
  records: SessionRecords;
  repository: SessionRepository;
  onError: (error: Error) => void;
}

/**
 * Reads the record of each live session of the manager's namespace.
 *
 * @throws TypeError if the store cannot list its records.
 */
export async function* foundSessions({
  store,
  records,
}: Pick<Stored, "store" | "records">): AsyncGenerator<FoundSession> {
  for await (const { token: key, ...record } of store.entries()) {
    const id = records.idOf(key);
    const found = id === undefined ? undefined : records.sessionIn(id, key, record);
    if (found !== undefined) yield found;
  }
}

/**
 * Reads each live session of the manager's namespace. Reports and skips a session for which `owner` throws.
 *
 * @throws TypeError if the store cannot list its records.
 */
export async function* eachSession({
  store,
  records,
  repository,
  onError,
}: Stored): AsyncGenerator<{ found: FoundSession; state: SessionState }> {
  for await (const found of foundSessions({ store, records })) {
    let state: SessionState;
    try {
      state = repository.adopt(found);
    } catch (error) {
      onError(error as Error);
      continue;
    }
    yield { found, state };
  }
}

/** Adds each session with an owner to the owner's list. Returns the number of such sessions. */
export async function reindex(stored: Stored, owners: OwnerSessions): Promise<number> {
  const { repository } = stored;
  let count = 0;
  for await (const { found, state } of eachSession(stored)) {
    const owner = state.stored?.owner;
    if (owner === undefined) continue;
    count++;
    if (found.content.meta.owner?.hash === owners.hashOf(owner)) await owners.restore(found);
    else await repository.commit(state);
  }
  return count;
}
