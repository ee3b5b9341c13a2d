import { crc32 } from "node:zlib";
import type { PackedBytes } from "@scs/core/kit";

// A record of a log or a snapshot; numbers are big-endian:
//
//   0  CRC-32 of bytes 4 to the end of the token
//   4  the mark of the directory, which is in the names of its files: it tells a record from session data that
//      looks like one
//   8  kind
//   9  length of the token
//  10  length of the data
//  14  CRC-32 of the data
//  18  expiry in ms since the epoch, a double
//  26  sequence number, 6 bytes
//  32  the token, UTF-8; then the data; then a byte that is not zero, as what follows the last record of a log is
export const HEAD_BYTES = 32;
export const MARK_OFFSET = 4;
export const TOKEN_LENGTH_OFFSET = 9;
export const LAST_BYTE = 0xff;
/** Size of a record without token and data, in bytes. */
export const RECORD_BYTES: number = HEAD_BYTES + 1;

/**
 * Kinds of records. `begin` is the first record of each file: its token is the {@link FORMAT}, its "expiry" the sequence
 * number of the last valid record before the file. `end` is the last record of a snapshot.
 */
export const kinds = { put: 1, delete: 2, touch: 3, begin: 4, end: 5 } as const;
export type Kind = (typeof kinds)[keyof typeof kinds];

/** Name and version of the format. */
export const FORMAT = "scs hybridstore 1";
export const BEGIN_BYTES: number = RECORD_BYTES + FORMAT.length;

export interface Head {
  kind: Kind;
  token: string;
  dataLength: number;
  dataChecksum: number;
  expiry: number;
  sequence: number;
  /** Length of head and token. */
  length: number;
}

/** Reads the head and the token at `offset`; returns `undefined` if their checksum does not match. */
export function readHead(bytes: Buffer, offset: number, mark: number): Head | undefined {
  if (bytes.length - offset < HEAD_BYTES || bytes.readUInt32BE(offset + MARK_OFFSET) !== mark)
    return undefined;
  const length = HEAD_BYTES + bytes.readUInt8(offset + TOKEN_LENGTH_OFFSET);
  if (bytes.length - offset < length) return undefined;
  if (crc32(bytes.subarray(offset + 4, offset + length)) !== bytes.readUInt32BE(offset)) return undefined;
  const kind = bytes.readUInt8(offset + 8);
  if (kind < kinds.put || kind > kinds.end) return undefined;
  return {
    kind: kind as Kind,
    token: bytes.toString("utf8", offset + HEAD_BYTES, offset + length),
    dataLength: bytes.readUInt32BE(offset + 10),
    dataChecksum: bytes.readUInt32BE(offset + 14),
    expiry: bytes.readDoubleBE(offset + 18),
    sequence: bytes.readUIntBE(offset + 26, 6),
    length,
  };
}

/**
 * Reads a head with one damaged byte, by trying every value of every byte: among heads that differ in one byte, the
 * checksum matches only the true one. Repairs the byte in `bytes`.
 *
 * @param fits Checks the plausibility of the record: a checksum matches by chance once in four billion cases.
 */
export function mendHead(
  bytes: Buffer,
  offset: number,
  mark: number,
  fits: (head: Head) => boolean,
): Head | undefined {
  if (bytes.length - offset < HEAD_BYTES) return undefined;
  const length = HEAD_BYTES + bytes.readUInt8(offset + TOKEN_LENGTH_OFFSET);
  const end = Math.min(offset + length, bytes.length);
  for (let position = offset; position < end; position++) {
    const damaged = bytes.readUInt8(position);
    for (let change = 1; change < 256; change++) {
      bytes.writeUInt8(damaged ^ change, position);
      const head = readHead(bytes, offset, mark);
      if (head !== undefined && fits(head)) return head;
    }
    bytes.writeUInt8(damaged, position);
  }
  return undefined;
}

/** Numbers records, and collects them in one buffer for one write. */
export class RecordBuffer {
  readonly #mark: number;
  #bytes: Buffer = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #length = 0;
  /** Sequence number of the last record. Never reused. */
  sequence: number;

  constructor(mark: number, sequence: number) {
    this.#mark = mark;
    this.sequence = sequence;
  }

  get length(): number {
    return this.#length;
  }

  append(kind: Kind, token: string, data: PackedBytes | "", expiry: number): void {
    const start = this.#length;
    this.#reserve(RECORD_BYTES + 3 * token.length + data.length);
    const bytes = this.#bytes;
    const tokenLength = bytes.write(token, start + HEAD_BYTES);
    const dataStart = start + HEAD_BYTES + tokenLength;
    const dataLength = bytes.write(data, dataStart, "latin1");
    bytes.writeUInt32BE(this.#mark, start + MARK_OFFSET);
    bytes.writeUInt8(kind, start + 8);
    bytes.writeUInt8(tokenLength, start + TOKEN_LENGTH_OFFSET);
    bytes.writeUInt32BE(dataLength, start + 10);
    const dataEnd = dataStart + dataLength;
    bytes.writeUInt32BE(dataLength === 0 ? 0 : crc32(bytes.subarray(dataStart, dataEnd)), start + 14);
    bytes.writeDoubleBE(expiry, start + 18);
    bytes.writeUIntBE(++this.sequence, start + 26, 6);
    bytes.writeUInt32BE(crc32(bytes.subarray(start + 4, dataStart)), start);
    bytes.writeUInt8(LAST_BYTE, dataEnd);
    this.#length = dataEnd + 1;
  }

  /** Returns the records so far. Valid until {@link clear}. */
  view(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns the records so far, and starts a new buffer. */
  take(): Buffer {
    const records = this.view();
    this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
    this.#length = 0;
    return records;
  }

  /** Drops the records so far. Never reuses their numbers. */
  clear(): void {
    this.#length = 0;
    if (this.#bytes.length > KEPT_BYTES) this.#bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  }

  #reserve(length: number): void {
    const needed = this.#length + length;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, 2 * this.#bytes.length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

const FIRST_BYTES = 65_536;
/** Maximum size of a buffer that is reused for the next batch. */
const KEPT_BYTES = 4_194_304;

/** Returns the first record of a file: see {@link kinds}. */
export function beginRecord(mark: number, sequence: number, lastGood: number): Buffer {
  const records = new RecordBuffer(mark, sequence - 1);
  records.append(kinds.begin, FORMAT, "", lastGood);
  return records.take();
}
