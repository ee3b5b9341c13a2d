import type { SessionState } from "../state/session-state.js";
import { honoured } from "./secrets.js";
import type { SessionRecords } from "./session-records.js";
import type { SessionRepository } from "./session-repository.js";

/** A session with a derived ID, so that two requests that derive the same ID share the session. */
export interface DerivedSession {
  /** 22 characters of base64url. */
  id: string;
  values: Record<string, unknown>;
  /** Time until which it cannot begin again after its end. */
  barredUntil: Date;
}

/**
 * Begins a session under a derived ID, or joins the session that another request has begun under it.
 *
 * @returns `undefined` if the session of that ID has ended.
 */
export async function beginOrJoin(
  repository: SessionRepository,
  records: SessionRecords,
  { id, values, barredUntil }: DerivedSession,
): Promise<SessionState | undefined> {
  for (let tries = 0; tries < 2; tries++) {
    const found = await records.find(id);
    if (found !== undefined) {
      const joined = repository.adopt(found);
      joined.join();
      return joined;
    }
    const state = repository.begin();
    state.deriveFrom(id, barredUntil.getTime());
    for (const key of Object.keys(values)) state.set(key, values[key]);
    await repository.commit(state);
    if (state.stored !== undefined) return state; // otherwise another request was faster, or the key is barred
  }
  return undefined;
}

/**
 * Drops the changes, and loads the session again.
 *
 * @returns whether the session still exists.
 */
export async function reload(records: SessionRecords, state: SessionState, now: number): Promise<boolean> {
  const { stored } = state;
  if (stored === undefined) return false;
  const found = await records.find(stored.id);
  if (found === undefined) return false;
  const { secrets } = found.content.meta;
  const isOurs = stored.secretHash === undefined || honoured(secrets, stored.secretHash, now) !== undefined;
  if (isOurs) state.reload(found, stored);
  return isOurs;
}
