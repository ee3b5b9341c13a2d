import { randomBytes } from "node:crypto";

/**
 * The two marks that a move of a record writes. Each begins with 16 random bytes, which no other data begins with, and
 * contains the name of the move:
 *
 * - A *draft*, in the new store: the future record. It counts as absent until the move is decided.
 * - A *signpost*, in the old store, in place of the record: the move is decided, and its draft is the record.
 */
const DRAFT: Buffer = Buffer.from("b2f1c4087e5d4a9e9d3c61f85a0e7744", "hex");
const SIGNPOST: Buffer = Buffer.from("5e90d7a3c16b4f02a8b7f3e4196c2dd1", "hex");

const MARK_LENGTH = 16;
const NAME_LENGTH = 16;
const TIME_LENGTH = 8;
const HEAD_LENGTH: number = MARK_LENGTH + NAME_LENGTH + 2 * TIME_LENGTH;

export interface Draft {
  /** The name of the move. */
  name: string;
  /** The time of writing, in ms since the epoch. */
  at: number;
  /** The expiry of the record, in ms since the epoch. Kept in the data, because compare-and-swap compares only data. */
  expiry: number;
  /** The data of the record. */
  data: Uint8Array;
}

/** Returns a new name for a move. */
export function nameOfMove(): string {
  return randomBytes(NAME_LENGTH).toString("hex");
}

/** Encodes the draft of a move, and the signpost that decides it. */
export function marksOfMove({ name, at, expiry, data }: Draft): { draft: Uint8Array; signpost: Uint8Array } {
  const id = Buffer.from(name, "hex");
  const times = Buffer.alloc(2 * TIME_LENGTH);
  times.writeDoubleBE(at);
  times.writeDoubleBE(expiry, TIME_LENGTH);
  return { draft: Buffer.concat([DRAFT, id, times, data]), signpost: Buffer.concat([SIGNPOST, id]) };
}

/** Decodes a draft; `undefined` if the data is not a draft. */
export function draftOf(data: Uint8Array): Draft | undefined {
  if (data.length < HEAD_LENGTH || !startsWith(data, DRAFT)) return undefined;
  const head = Buffer.from(data.subarray(MARK_LENGTH, HEAD_LENGTH));
  return {
    name: head.toString("hex", 0, NAME_LENGTH),
    at: head.readDoubleBE(NAME_LENGTH),
    expiry: head.readDoubleBE(NAME_LENGTH + TIME_LENGTH),
    data: data.slice(HEAD_LENGTH),
  };
}

/** Decodes the name of the move in a signpost; `undefined` if the data is not a signpost. */
export function signpostOf(data: Uint8Array): string | undefined {
  if (data.length !== MARK_LENGTH + NAME_LENGTH || !startsWith(data, SIGNPOST)) return undefined;
  return Buffer.from(data.subarray(MARK_LENGTH)).toString("hex");
}

/** Returns whether data begins like a mark. */
export function isMarked(data: Uint8Array): boolean {
  return startsWith(data, DRAFT) || startsWith(data, SIGNPOST);
}

function startsWith(data: Uint8Array, mark: Buffer): boolean {
  return data.length >= MARK_LENGTH && mark.compare(data, 0, MARK_LENGTH) === 0;
}
