import type { SessionState } from "../state/session-state.js";
import { honoured } from "./secrets.js";
import type { SessionRecords } from "./session-records.js";
import type { SessionRepository } from "./session-repository.js";

/** A session whose ID is derived from something else, so that two requests that derive it have one session. */
export interface DerivedSession {
  /** 22 characters of base64url. */
  id: string;
  values: Record<string, unknown>;
  /** Until when nobody can begin it again after its end. */
  barredUntil: Date;
}

/**
 * Begins a session under an ID that was derived, or joins the one that another request has begun under it.
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
    if (state.stored !== undefined) return state; // if not, another request was faster, or the key is barred
  }
  return undefined;
}

/**
 * Drops what was changed, and takes over what the store holds.
 *
 * @returns whether the session is there.
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
