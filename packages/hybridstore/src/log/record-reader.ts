import { crc32 } from "node:zlib";
import type { PackedBytes } from "@scs/core/kit";
import type { FileWindow } from "./file-window.js";
import {
  FORMAT,
  HEAD_BYTES,
  type Head,
  kinds,
  LAST_BYTE,
  MARK_OFFSET,
  mendHead,
  readHead,
} from "./record.js";

const MAX_HEAD_BYTES: number = HEAD_BYTES + 255;
/** Maximum gap between sequence numbers of consecutive records. */
const MAX_GAP = 2 ** 32;

/** A finding of the reader of a file. `data` of a put is `undefined` if it is damaged. Positions are in bytes. */
export type Finding =
  | { what: "record"; position: number; head: Head; data: PackedBytes | undefined }
  /** The next record had one damaged byte, which was repaired. */
  | { what: "mended"; position: number }
  /** The bytes in between contain no record. */
  | { what: "damaged"; position: number; end: number };

/** The end of the records of a file. */
export interface ReadEnd {
  end: number;
  /** Whether bytes other than zeros follow, which are no record. */
  isTorn: boolean;
}

/**
 * Reads the records of a log or a snapshot, in their order. Skips a record whose number does not increase: an earlier write
 * has left it there.
 *
 * @param sequence Sequence number of the last record before this file.
 */
export async function readRecords(
  window: FileWindow,
  mark: number,
  sequence: number,
  found: (finding: Finding) => void,
): Promise<ReadEnd> {
  let last = sequence;
  let end = 0;
  for (let position = 0; position < window.size; ) {
    if (!window.has(position, MAX_HEAD_BYTES)) await window.load(position, MAX_HEAD_BYTES);
    let head = readHead(window.bytes, position - window.start, mark);
    if (head === undefined) {
      const fits = (mended: Head): boolean => follows(mended, last, position);
      head = mendHead(window.bytes, position - window.start, mark, fits);
      if (head === undefined) {
        const next = await findRecord(window, position + 1, mark, last);
        if (next === undefined) break;
        found({ what: "damaged", position, end: next });
        position = next;
        continue;
      }
      found({ what: "mended", position });
    }
    const length = head.length + head.dataLength + 1;
    if (position + length > window.size) break;
    if (head.kind === kinds.begin || head.sequence > last) {
      if (!window.has(position, length)) await window.load(position, length);
      const offset = position - window.start;
      const data = readData(window.bytes, offset, head);
      if (window.bytes[offset + length - 1] !== LAST_BYTE) {
        if (!(await window.isZeroFrom(position + length - 1))) found({ what: "mended", position });
        else if (data === undefined) break; // the process or system ended during its write
      }
      found({ what: "record", position, head, data });
      last = Math.max(last, head.sequence);
      end = position + length;
    }
    position += length;
  }
  return { end, isTorn: !(await window.isZeroFrom(end)) };
}

/** Returns whether a record is plausible here, apart from its checksum. */
function follows({ kind, token, sequence }: Head, last: number, position: number): boolean {
  if (position === 0) return kind === kinds.begin && token === FORMAT;
  return kind !== kinds.begin && sequence > last && sequence - last < MAX_GAP;
}

function readData(bytes: Buffer, offset: number, head: Head): PackedBytes | undefined {
  if (head.dataLength === 0) return "" as PackedBytes;
  const start = offset + head.length;
  const data = bytes.subarray(start, start + head.dataLength);
  if (data.length < head.dataLength || crc32(data) !== head.dataChecksum) return undefined;
  return data.toString("latin1") as PackedBytes;
}

/** Finds the next position of a valid and plausible record. */
async function findRecord(
  window: FileWindow,
  from: number,
  mark: number,
  last: number,
): Promise<number | undefined> {
  const pattern = Buffer.alloc(4);
  pattern.writeUInt32BE(mark);
  for (let position = from; position + HEAD_BYTES <= window.size; ) {
    if (!window.has(position, MAX_HEAD_BYTES)) await window.load(position, MAX_HEAD_BYTES);
    const at = window.bytes.indexOf(pattern, position - window.start + MARK_OFFSET);
    if (at === -1) {
      // The pattern may start in the last bytes of the window.
      position = Math.max(position + 1, window.start + window.bytes.length - 7);
      continue;
    }
    position = window.start + at - MARK_OFFSET;
    if (!window.has(position, MAX_HEAD_BYTES)) await window.load(position, MAX_HEAD_BYTES);
    const head = readHead(window.bytes, position - window.start, mark);
    if (head !== undefined && follows(head, last, position)) return position;
    position++;
  }
  return undefined;
}
