const SLOTS = 16_384;

/** CRC16 of the XMODEM variety, by which a cluster assigns keys to slots (its specification, "Key distribution model"). */
const TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** Returns the slot of a key. Of a key with a hash tag, `{...}`, the tag alone decides. */
export function keySlot(key: string): number {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  const bytes = Buffer.from(close > open + 1 ? key.slice(open + 1, close) : key);
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 255] as number)) & 0xffff;
  return crc % SLOTS;
}

let tags: string[] | undefined;

/** Returns a key of a slot, which no store uses. */
export function keyOfSlot(slot: number): string {
  if (tags === undefined) {
    tags = new Array(SLOTS);
    for (let number = 0, found = 0; found < SLOTS; number++) {
      const tag = number.toString(36);
      const of = keySlot(tag);
      if (tags[of] !== undefined) continue;
      tags[of] = tag;
      found++;
    }
  }
  return `{${tags[slot]}}`;
}

export { SLOTS };
