import type { SessionCodec, SessionContent } from "../codecs/codec.js";
import { devalueCodec } from "../codecs/devalue-codec.js";
import type { SessionMeta } from "../codecs/session-meta.js";
import { SessionError } from "../session-error.js";
import { compareValues } from "./value-comparison.js";

/** Multiple of `maxBytes` up to which a session that is too large is encoded, to report its size. */
const MEASURED = 2;

/** Maximum multiple of `maxBytes` that is encoded to find the largest value. */
const SEARCHED = 16;

/** A codec with the limit of its manager. */
export class SessionEncoder {
  readonly #codec: SessionCodec;
  readonly #maxBytes: number;

  constructor(codec: SessionCodec, maxBytes: number) {
    this.#codec = codec;
    this.#maxBytes = maxBytes;
  }

  /** @throws SessionError `INVALID_VALUE`, with the key; `TOO_LARGE`, with the key of the largest value. */
  encode(content: SessionContent): Uint8Array {
    const data = this.#tryEncode(content);
    if (data !== undefined && !ArrayBuffer.isView(data)) {
      throw new TypeError("codec.encode must return a Uint8Array, not a promise");
    }
    if (data !== undefined && data.length <= this.#maxBytes) return data;
    const bytes = data === undefined ? `more than ${MEASURED * this.#maxBytes}` : data.length;
    throw new SessionError(
      "TOO_LARGE",
      `the session has ${bytes} bytes, but maxBytes is ${this.#maxBytes}; its largest value is "${this.#largestOf(content.values)}"`,
    );
  }

  decode(data: Uint8Array): SessionContent {
    return this.#codec.decode(data);
  }

  /**
   * Returns whether two values are the same to the codec. Compares their structure first, because a codec that encrypts
   * returns different bytes each time; then their bytes, because the app's codec may not distinguish the two.
   */
  isSame(value: unknown, stored: unknown): boolean {
    const sameness = compareValues(value, stored);
    if (sameness === "same") return true;
    if (this.#codec === devalueCodec) return false; // distinguishes all values that it accepts
    try {
      const data = this.#encodeAlone(stored);
      if (Buffer.compare(this.#encodeAlone(value), data) === 0) return true;
      // An instance with hidden state has changed if its bytes have, unless the codec never repeats bytes.
      return sameness === "alike" && Buffer.compare(this.#encodeAlone(stored), data) !== 0;
    } catch {
      return false; // a value that cannot be encoded fails the save
    }
  }

  /** Lists the keys whose values differ between `before` and `after`, or that are in only one of them. */
  changedKeys(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].filter((key) => {
      const isInBoth = Object.hasOwn(before, key) && Object.hasOwn(after, key);
      return !isInBoth || !this.isSame(after[key], before[key]);
    });
  }

  #encodeAlone(value: unknown): Uint8Array {
    return this.#codec.encode(contentOf({ value }), MEASURED * this.#maxBytes);
  }

  /** Encodes values; `undefined` if they are far too large. */
  #tryEncode(content: SessionContent): Uint8Array | undefined {
    try {
      return this.#codec.encode(content, MEASURED * this.#maxBytes);
    } catch (error) {
      if (error instanceof SessionError && error.code === "TOO_LARGE") return undefined;
      throw error;
    }
  }

  /** Returns the key of the largest value, or of any large value if all are very large together. */
  #largestOf(values: Record<string, unknown>): string {
    let [largest, most, total] = ["", 0, 0];
    for (const [key, value] of Object.entries(values)) {
      const bytes = this.#tryEncode(contentOf({ [key]: value }))?.length ?? Number.POSITIVE_INFINITY;
      if (bytes > most) [largest, most] = [key, bytes];
      total += bytes;
      if (total > SEARCHED * this.#maxBytes) break;
    }
    return largest;
  }
}

/** Content with nothing but values, to be measured or compared. */
function contentOf(values: Record<string, unknown>): SessionContent {
  return { version: 1, deadline: 0, meta: {} as SessionMeta, values };
}
