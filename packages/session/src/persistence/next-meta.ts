import type { LifetimeNote, OwnerNote, SecretNote, SessionMeta } from "../codecs/session-meta.js";
import { nextBinding } from "../device-bound/bound-state.js";
import { openNotes } from "../owners/revocation.js";
import type { SessionState } from "../state/session-state.js";
import { renewed, unexpired } from "./secrets.js";
import { sha256 } from "./session-token.js";

/** Computes the meta data of a session for the next save. */
export function nextMeta(
  state: SessionState,
  owner: string | undefined,
  note: OwnerNote | undefined,
  lifetime: LifetimeNote | undefined,
  now: number,
): SessionMeta {
  const { merged, settings, stored } = state;
  const { authentication, persist } = settings;
  const meta: SessionMeta = { secrets: nextSecrets(state, now) };
  if (note !== undefined) {
    meta.owner = note;
    meta.seen = now;
  }
  if (persist !== undefined) meta.persist = persist;
  if (merged.length > 0 || stored?.meta.merging !== undefined) {
    // Keeps the notes of other requests: if two sessions are merged into each other, one of them must survive.
    const ids = new Set(merged.map(({ id }) => id));
    const others = openNotes(stored?.meta.merging, now).filter(({ id }) => !ids.has(id));
    const merging = [...[...ids].map((id) => ({ id, at: now })), ...others];
    if (merging.length > 0) meta.merging = merging;
  }
  const bars = openNotes(stored?.meta.bars, now);
  if (bars.length > 0) meta.bars = bars;
  const { barredUntil } = stored === undefined ? state : stored.meta;
  if (barredUntil !== undefined) meta.barredUntil = barredUntil;
  if (lifetime !== undefined) meta.lifetime = lifetime;
  // An authentication belongs to one user: another owner of the session must authenticate anew.
  const isKept = authentication !== undefined || stored === undefined || stored.owner === owner;
  const authenticated = isKept ? state.authenticatedAt : undefined;
  if (authenticated !== undefined) meta.authenticated = authenticated;
  const client = state.describeClient === undefined ? stored?.meta.client : state.describeClient();
  if (client !== undefined) meta.client = client;
  const binding = nextBinding(state, owner, now);
  if (binding !== undefined) meta.binding = binding;
  return meta;
}

function nextSecrets(state: SessionState, now: number): SecretNote[] {
  const { stored, renewal } = state;
  if (stored === undefined) return [[sha256(state.fresh.secret)]];
  if (renewal === undefined) return unexpired(stored.meta.secrets, now);
  return renewed(stored.meta.secrets, stored.secretHash, sha256(renewal.secret), renewal.graceMs, now);
}
