import type { AtomicStore, SessionRecord } from "@scs/core";
import { draftOf, signpostOf } from "./marks.js";

/** The place of a token's record, and the data that a write there must replace. */
export type Location = InNew | InOld | Nowhere;

interface InNew {
  at: "new";
  record: SessionRecord;
}

interface InOld {
  at: "old";
  record: SessionRecord;
  /** An undecided draft in the new store. */
  draft: Uint8Array | undefined;
}

interface Nowhere {
  at: "nowhere";
  /** The data of an outdated signpost in the old store. */
  signpost: Uint8Array | undefined;
  draft: Uint8Array | undefined;
}

/**
 * Finds the record of a token: in the new store, else in the old one, else the draft that a signpost names, which it
 * completes. Returns `undefined` if others changed the token meanwhile; then call it again.
 */
export async function locate(
  from: AtomicStore,
  to: AtomicStore,
  token: string,
): Promise<Location | undefined> {
  const inNew = await to.find(token);
  const draft = inNew && draftOf(inNew.data);
  if (inNew !== undefined && draft === undefined) return { at: "new", record: inNew };
  const inOld = await from.find(token);
  const move = inOld && signpostOf(inOld.data);
  if (inOld !== undefined && move === undefined) return { at: "old", record: inOld, draft: inNew?.data };
  if (inNew !== undefined && draft !== undefined && move === draft.name) {
    await to.replace(token, inNew.data, draft.data, new Date(draft.expiry));
    return undefined;
  }
  // The record may have been moved between the two lookups.
  const again = await to.find(token);
  const isSame =
    again === undefined ? inNew === undefined : inNew && Buffer.compare(again.data, inNew.data) === 0;
  return isSame ? { at: "nowhere", signpost: inOld?.data, draft: again?.data } : undefined;
}
