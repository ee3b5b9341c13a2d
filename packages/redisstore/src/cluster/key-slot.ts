const SLOTS = 16_384;

/** CRC-16/XMODEM of each byte: assigns keys to slots (Redis cluster specification, "Key distribution model"). */
const TABLE: Uint16Array = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc;
});

/** Returns the slot of a key. If the key has a hash tag, `{...}`, only the tag counts. */
export function keySlot(key: string): number {
  const open = key.indexOf("{");
  const close = open === -1 ? -1 : key.indexOf("}", open + 1);
  const bytes = Buffer.from(close > open + 1 ? key.slice(open + 1, close) : key);
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) ^ (TABLE[((crc >> 8) ^ byte) & 255] as number)) & 0xffff;
  return crc % SLOTS;
}

let tags: string[] | undefined;

/** Returns a key in a slot. No store uses it. */
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
