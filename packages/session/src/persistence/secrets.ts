import { timingSafeEqual } from "node:crypto";
import type { SecretNote } from "../codecs/session-meta.js";

/**
 * Maximum number of secrets per session, about 12 kB. More than one is honoured only within graces, and after
 * renewals that ran in parallel.
 */
const MAX_SECRETS = 256;

/** Length of SHA-256 in base64url. */
const HASH_LENGTH = 43;
/** Memory of the hashes that are compared, used again for each: a session in many graces has many. */
const [SOUGHT, OTHER] = [Buffer.alloc(HASH_LENGTH), Buffer.alloc(HASH_LENGTH)];

/** A secret that a renewal puts in the place of the one that the request came with. */
export interface Renewal {
  secret: string;
  /** How long the other secrets are still honoured, in ms; Infinity: as they are. */
  graceMs: number;
}

/** Finds the note of a secret that is honoured `now`. Compares each in constant time. */
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

/** Returns the secrets that are still honoured `now`. */
export function unexpired(secrets: readonly SecretNote[], now: number): SecretNote[] {
  return secrets.filter((note) => isOpen(note, now));
}

/**
 * Renews: `hash` is honoured from now on. Without a grace, nothing else is. With one, the other secrets are
 * honoured for `graceMs`; but where the request came with a secret that another renewal had replaced already
 * (`current` is in its grace), that renewal's own secret stays: its client was given it at the same time.
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

/** Drops the oldest lasting secrets, the newest excepted, before those in their grace: requests under way hold these. */
function bounded(secrets: SecretNote[]): SecretNote[] {
  const surplus = secrets.length - MAX_SECRETS;
  if (surplus <= 0) return secrets;
  const byAge = secrets
    .toReversed()
    .toSorted((a, b) => Number(a[1] !== undefined) - Number(b[1] !== undefined));
  const dropped = new Set(byAge.filter((note) => note !== secrets[0]).slice(0, surplus));
  return secrets.filter((note) => !dropped.has(note));
}
