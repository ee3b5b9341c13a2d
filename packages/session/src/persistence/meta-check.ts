import type { BindingNote, DeviceKey, SessionMeta } from "../codecs/session-meta.js";

/**
 * Checks the meta data of a stored session, which codecs do not check. Ignores unknown fields.
 *
 * @throws TypeError for malformed meta data.
 */
export function checkMeta(meta: SessionMeta): void {
  const { secrets, owner, merging = [], bars = [] } = meta;
  const isSound =
    isListOfSecrets(secrets) &&
    (owner === undefined || (typeof owner?.hash === "string" && typeof owner.stamp === "string")) &&
    Array.isArray(merging) &&
    Array.isArray(bars) &&
    bars.every((bar) => typeof bar?.hash === "string") &&
    (meta.authenticated === undefined || Number.isFinite(meta.authenticated)) &&
    (meta.lifetime === undefined || (isTime(meta.lifetime?.since) && isTime(meta.lifetime.ms))) &&
    (meta.client === undefined || (typeof meta.client === "object" && meta.client !== null)) &&
    (meta.binding === undefined || isBinding(meta.binding));
  if (!isSound) throw new TypeError("not the notes of a session");
}

function isListOfSecrets(notes: unknown): boolean {
  return Array.isArray(notes) && notes.every((note) => Array.isArray(note) && typeof note[0] === "string");
}

function isTime(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value);
}

/** Checks a binding. Treating a malformed one as absent would unbind the session. */
function isBinding(note: Partial<BindingNote> | null): boolean {
  if (typeof note !== "object" || note === null) return false;
  const { id, at, challenge, key, cookies = [] } = note;
  return (
    typeof id === "string" &&
    isTime(at) &&
    Array.isArray(challenge) &&
    typeof challenge[0] === "string" &&
    isTime(challenge[1]) &&
    (key === undefined || isKey(key)) &&
    isListOfSecrets(cookies)
  );
}

function isKey(key: Partial<DeviceKey> | null): boolean {
  return typeof key === "object" && key !== null && (key.kty === "EC" || key.kty === "RSA");
}
