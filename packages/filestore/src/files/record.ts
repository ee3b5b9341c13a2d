import { crc32 } from "node:zlib";

// All numbers are big-endian.
//   0  4 bytes  "scsf"
//   4  1 byte   version of the format, 1
//   5  1 byte   length of the token
//   6  2 bytes  0
//   8  8 bytes  expiry, ms since the epoch, signed
//  16  4 bytes  length of the data
//  20  4 bytes  CRC-32 of token and data
//  24  4 bytes  CRC-32 of the 24 bytes before
//  28           token (UTF-8), data
const MAGIC_AND_VERSION = 0x73_63_73_66_01;
const TOKEN_LENGTH = 5;
const EXPIRY = 8;
const DATA_LENGTH = 16;
const BODY_CHECKSUM = 20;
const HEADER_CHECKSUM = 24;

/** Size of the header, which contains the expiry and its own checksum. */
export const HEADER_BYTES = 28;

/** Maximum length of the data that the header can store. */
export const MAX_DATA_BYTES: number = 2 ** 32 - 1;

export interface Header {
  tokenLength: number;
  /** ms since the epoch. */
  expiry: number;
  dataLength: number;
}

export interface StoredRecord {
  token: string;
  data: Uint8Array;
  /** ms since the epoch. */
  expiry: number;
}

/** Returns the content of a file, with a copy of the data. */
export function encodeRecord(token: string, data: Uint8Array, expiry: number): Buffer {
  const tokenLength = Buffer.byteLength(token);
  const file = Buffer.allocUnsafe(HEADER_BYTES + tokenLength + data.length);
  file.writeUIntBE(MAGIC_AND_VERSION, 0, 5);
  file[TOKEN_LENGTH] = tokenLength;
  file.writeUInt16BE(0, 6);
  const high = Math.floor(expiry / 2 ** 32);
  file.writeInt32BE(high, EXPIRY);
  file.writeUInt32BE(expiry - high * 2 ** 32, EXPIRY + 4);
  file.writeUInt32BE(data.length, DATA_LENGTH);
  file.write(token, HEADER_BYTES);
  file.set(data, HEADER_BYTES + tokenLength);
  file.writeUInt32BE(crc32(file.subarray(HEADER_BYTES)), BODY_CHECKSUM);
  file.writeUInt32BE(crc32(file.subarray(0, HEADER_CHECKSUM)), HEADER_CHECKSUM);
  return file;
}

/** Decodes the header of a file; `undefined` if it is damaged. */
export function decodeHeader(file: Buffer): Header | undefined {
  if (
    file.length < HEADER_BYTES ||
    file.readUIntBE(0, 5) !== MAGIC_AND_VERSION ||
    file.readUInt32BE(HEADER_CHECKSUM) !== crc32(file.subarray(0, HEADER_CHECKSUM))
  ) {
    return undefined;
  }
  return {
    tokenLength: file[TOKEN_LENGTH] as number,
    expiry: file.readInt32BE(EXPIRY) * 2 ** 32 + file.readUInt32BE(EXPIRY + 4),
    dataLength: file.readUInt32BE(DATA_LENGTH),
  };
}

/** Decodes a whole file, and copies its data; `undefined` if it is damaged. */
export function decodeRecord(file: Buffer): StoredRecord | undefined {
  const header = decodeHeader(file);
  if (header === undefined) return undefined;
  const { tokenLength, expiry, dataLength } = header;
  const start = HEADER_BYTES + tokenLength;
  if (file.length !== start + dataLength) return undefined;
  if (crc32(file.subarray(HEADER_BYTES)) !== file.readUInt32BE(BODY_CHECKSUM)) return undefined;
  return {
    token: file.toString("utf8", HEADER_BYTES, start),
    data: new Uint8Array(file.subarray(start)),
    expiry,
  };
}
