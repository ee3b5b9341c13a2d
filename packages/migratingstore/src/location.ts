import type { AtomicStore, SessionRecord } from "@scs/core";
import { draftOf, signpostOf } from "./marks.js";

/** Where the record of a token is, and what a write there has to replace. */
export type Location = InNew | InOld | Nowhere;

interface InNew {
  at: "new";
  record: SessionRecord;
}

interface InOld {
  at: "old";
  record: SessionRecord;
  /** A draft in the new store that is no record. */
  draft: Uint8Array | undefined;
}

interface Nowhere {
  at: "nowhere";
  /** The data of a signpost in the old store that leads nowhere any more. */
  signpost: Uint8Array | undefined;
  draft: Uint8Array | undefined;
}

/**
 * Finds the record of a token. A record of the new store counts; else the one of the old; else a draft that a signpost
 * leads to, which is completed on the way. `undefined` if others changed the token meanwhile: look again.
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
    await to.replace(token, inNew.data, draft.data, inNew.expiry);
    return undefined;
  }
  // The record may have been moved between the two looks.
  const again = await to.find(token);
  const isSame =
    again === undefined ? inNew === undefined : inNew && Buffer.compare(again.data, inNew.data) === 0;
  return isSame ? { at: "nowhere", signpost: inOld?.data, draft: again?.data } : undefined;
}
