import type { SessionCodec, SessionContent } from "../codecs/codec.js";
import { devalueCodec } from "../codecs/devalue-codec.js";
import type { SessionMeta } from "../codecs/session-meta.js";
import { SessionError } from "../session-error.js";
import { compareValues } from "./value-comparison.js";

/** A session is encoded up to so many times `maxBytes`, to say how much it takes. */
const MEASURED = 2;

/** So many times `maxBytes` are encoded at most to find the largest value. */
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
      throw new TypeError("codec.encode must return a Uint8Array, and no promise of one");
    }
    if (data !== undefined && data.length <= this.#maxBytes) return data;
    const bytes = data === undefined ? `more than ${MEASURED * this.#maxBytes}` : data.length;
    throw new SessionError(
      "TOO_LARGE",
      `the session takes ${bytes} bytes, and maxBytes allows ${this.#maxBytes}; its largest value is "${this.#largestOf(content.values)}"`,
    );
  }

  decode(data: Uint8Array): SessionContent {
    return this.#codec.decode(data);
  }

  /**
   * Tells whether two values are the same to the codec: by their structure, since a codec that encrypts gives other
   * bytes each time, and if that differs by their bytes, since a codec of the app's may not tell the two apart.
   */
  isSame(value: unknown, stored: unknown): boolean {
    const sameness = compareValues(value, stored);
    if (sameness === "same") return true;
    if (this.#codec === devalueCodec) return false; // it takes nothing but what it tells apart
    try {
      const data = this.#encodeAlone(stored);
      if (Buffer.compare(this.#encodeAlone(value), data) === 0) return true;
      // An instance that may hide its state has changed if its bytes have, unless they never are the same.
      return sameness === "alike" && Buffer.compare(this.#encodeAlone(stored), data) !== 0;
    } catch {
      return false; // a value that cannot be saved is for the save to fail at
    }
  }

  #encodeAlone(value: unknown): Uint8Array {
    return this.#codec.encode(contentOf({ value }), MEASURED * this.#maxBytes);
  }

  /** Returns `undefined` for what is far too large. */
  #tryEncode(content: SessionContent): Uint8Array | undefined {
    try {
      return this.#codec.encode(content, MEASURED * this.#maxBytes);
    } catch (error) {
      if (error instanceof SessionError && error.code === "TOO_LARGE") return undefined;
      throw error;
    }
  }

  /** Returns the key of the largest value, or of a large one if the values take very much together. */
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

/** Values without a head, to be measured or compared. */
function contentOf(values: Record<string, unknown>): SessionContent {
  return { version: 1, deadline: 0, meta: {} as SessionMeta, values };
}
