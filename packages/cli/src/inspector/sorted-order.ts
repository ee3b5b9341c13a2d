/** Number of bits of an integer that a double represents exactly. */
const EXACT_BITS = 52;

/**
 * Packs key and index into one number each, with the key in the upper bits. Native sorting of numbers is far faster than
 * a comparison function. A key loses the bits that an index needs: times within a year keep about 10 ms of precision.
 */
export function packKeys(keys: Float64Array | Uint32Array, size: number): Float64Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let at = 0; at < size; at++) {
    const key = keys[at] ?? 0;
    if (key === 0) continue; // unknown keys come first, and do not widen the range
    low = Math.min(low, key);
    high = Math.max(high, key);
  }
  const places = placesFor(size);
  const steps = 2 ** EXACT_BITS / places - 2;
  const scale = Math.min(1, steps / Math.max(high - low, 1));
  const packed = new Float64Array(size);
  for (let at = 0; at < size; at++) {
    const key = keys[at] ?? 0;
    const rank = key === 0 ? 0 : Math.floor((key - low) * scale) + 1;
    packed[at] = rank * places + at;
  }
  return packed;
}

/** Sorts the result of {@link packKeys}, and returns the indexes in order. */
export function sortedOrder(packed: Float64Array): Uint32Array {
  const places = placesFor(packed.length);
  packed.sort();
  const order = new Uint32Array(packed.length);
  for (let at = 0; at < packed.length; at++) order[at] = (packed[at] ?? 0) % places;
  return order;
}

function placesFor(size: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(size, 2)));
}
