import { timingSafeEqual } from "node:crypto";
import type { SecretNote } from "../codecs/session-meta.js";

/**
 * Maximum number of secrets per session, about 12 kB. A session has more than one only during grace periods and after
 * parallel renewals.
 */
const MAX_SECRETS = 256;

/** Length of SHA-256 in base64url. */
const HASH_LENGTH = 43;
/** Buffers for comparisons, reused because a session may have many secrets. */
const [SOUGHT, OTHER] = [Buffer.alloc(HASH_LENGTH), Buffer.alloc(HASH_LENGTH)];

/** A new secret that replaces the secret of the request. */
export interface Renewal {
  secret: string;
  /** Time for which the other secrets are still honoured, in ms; Infinity leaves them unchanged. */
  graceMs: number;
}

/** Finds a secret that is honoured `now`. Compares each in constant time. */
export function honoured(secrets: readonly SecretNote[], hash: string, now: number): SecretNote | undefined {
  let found: SecretNote | undefined;
  SOUGHT.write(hash, "latin1");
  for (const note of secrets) if (isOpen(note, now) && isSought(note[0])) found ??= note;
  return found;
}

function isSought(hash: string): boolean {
  if (hash.length !== HASH_LENGTH) return false;
  OTHER.write(hash, "latin1");
  return timingSafeEqual(SOUGHT, OTHER);
}

/** Returns whether a secret that was verified on load is still honoured, so that no constant time is needed. */
export function isStillHonoured(
  secrets: readonly SecretNote[],
  hash: string | undefined,
  now: number,
): boolean {
  return hash === undefined || secrets.some((note) => isOpen(note, now) && note[0] === hash);
}

/** Returns the secrets that are still honoured `now`. */
export function unexpired(secrets: readonly SecretNote[], now: number): SecretNote[] {
  return secrets.filter((note) => isOpen(note, now));
}

/**
 * Renews: honours `hash` from now on. Without a grace period, drops all other secrets. With one, honours them for
 * `graceMs`. If another renewal had already replaced the request's secret (`current` is in its grace period), keeps the
 * secret of that renewal, which the client got at the same time.
 */
export function renewed(
  secrets: readonly SecretNote[],
  current: string | undefined,
  hash: string,
  graceMs: number,
  now: number,
): SecretNote[] {
  if (graceMs === 0) return [[hash]];
  const open = unexpired(secrets, now);
  const isReplaced = current !== undefined && honoured(open, current, now)?.[1] !== undefined;
  if (isReplaced || graceMs === Number.POSITIVE_INFINITY) return bounded([[hash], ...open]);
  const end = now + graceMs;
  return bounded([[hash], ...open.map(([other, until]): SecretNote => [other, Math.min(until ?? end, end)])]);
}

function isOpen([, until]: SecretNote, now: number): boolean {
  return until === undefined || now < until;
}

/** Drops the oldest lasting secrets except the newest, and only then those in a grace period, which requests in flight use. */
function bounded(secrets: SecretNote[]): SecretNote[] {
  const surplus = secrets.length - MAX_SECRETS;
  if (surplus <= 0) return secrets;
  const byAge = secrets
    .toReversed()
    .toSorted((a, b) => Number(a[1] !== undefined) - Number(b[1] !== undefined));
  const dropped = new Set(byAge.filter((note) => note !== secrets[0]).slice(0, surplus));
  return secrets.filter((note) => !dropped.has(note));
}
