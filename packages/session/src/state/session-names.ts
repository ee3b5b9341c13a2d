import { publicIdOf, sha256, tokenOf } from "../persistence/session-token.js";
import type { StoredSession } from "../persistence/stored-session.js";
import type { SessionState } from "./session-state.js";

/** Returns the token of the stored session. */
export function storedTokenOf({ stored }: SessionState): string | undefined {
  return tokenTo(stored);
}

/** Returns the client's token, even if its session is about to end. */
export function clientTokenOf({ stored, destroyed }: SessionState): string | undefined {
  return tokenTo(stored ?? destroyed);
}

/** Returns the token of the session, valid after the first save; `undefined` once the session has ended. */
export function sessionTokenOf(state: SessionState): string | undefined {
  if (state.stored !== undefined) return tokenTo(state.stored);
  return state.endReason === undefined || state.isChanged() ? tokenOf(state.fresh) : undefined;
}

/** Returns the public ID of the session. Each renewal changes it at once. */
export function sessionIdOf(state: SessionState): string {
  const { stored, renewal } = state;
  if (renewal !== undefined) return publicIdOf(sha256(renewal.secret));
  if (stored === undefined) return publicIdOf(sha256(state.fresh.secret));
  return publicIdOf(stored.secretHash ?? stored.meta.secrets[0]?.[0] ?? "");
}

function tokenTo(stored: StoredSession | undefined): string | undefined {
  return stored?.secret === undefined ? undefined : tokenOf({ id: stored.id, secret: stored.secret });
}
