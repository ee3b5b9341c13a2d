import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

/** A key with its ID. */
export interface EncryptionKey {
  /** Identifies the key in each record: 1 to 32 letters, digits, `-`, `_` and `.`. No secret. */
  id: string;
  /** 32 random bytes, for example from `randomBytes(32)`, or their base64 or base64url. */
  key: Uint8Array | string;
}

/** The first bytes of each encrypted record. No JSON begins with them. */
const MAGIC = Buffer.from([0x00, 0x53, 0x45, 0x31]); // "SE1"
const [IV_BYTES, TAG_BYTES] = [12, 16];
const ID = /^[\w.-]{1,32}$/;

/**
 * Encrypts records by AES-256-GCM (NIST SP 800-38D). An encrypted record consists of magic, length of the key's ID, ID,
 * IV, tag and ciphertext. Also authenticates all bytes before the IV, and the record's place: a record that was changed
 * or moved cannot be decrypted.
 */
export class Envelope {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #current: string;

  /**
   * @param keys the first encrypts, all decrypt
   * @throws TypeError for keys that cannot work. The message says what to write instead.
   */
  constructor(keys: readonly EncryptionKey[]) {
    if (!Array.isArray(keys) || keys.length === 0) {
      throw new TypeError('keys is missing: pass at least one, as in [{ id: "2027", key: randomBytes(32) }]');
    }
    this.#keys = new Map(keys.map((key) => [checkedId(key), bytesOf(key)]));
    if (this.#keys.size < keys.length)
      throw new TypeError("keys: two keys have the same id; give each its own");
    this.#current = (keys[0] as EncryptionKey).id;
  }

  encrypt(place: string, data: Uint8Array): Buffer {
    const head = headOf(this.#current);
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#keyOf(this.#current, place) as Buffer, iv);
    cipher.setAAD(Buffer.concat([head, Buffer.from(place)]));
    const text = Buffer.concat([cipher.update(data), cipher.final()]);
    return Buffer.concat([head, iv, cipher.getAuthTag(), text]);
  }

  /** Decrypts a record; `undefined` unless one of these keys encrypted it for this place. */
  decrypt(place: string, data: Uint8Array): Uint8Array | undefined {
    if (!isEncrypted(data)) return undefined;
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
    const end = MAGIC.length + 1 + (bytes[MAGIC.length] ?? 0);
    const id = bytes.toString("latin1", MAGIC.length + 1, end);
    const key = this.#keyOf(id, place);
    if (key === undefined || bytes.length < end + IV_BYTES + TAG_BYTES) return undefined;
    const [iv, tag] = [
      bytes.subarray(end, end + IV_BYTES),
      bytes.subarray(end + IV_BYTES, end + IV_BYTES + TAG_BYTES),
    ];
    const decipher = createDecipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.concat([bytes.subarray(0, end), Buffer.from(place)])).setAuthTag(tag);
    const text = decipher.update(bytes.subarray(end + IV_BYTES + TAG_BYTES));
    try {
      return new Uint8Array(Buffer.concat([text, decipher.final()]));
    } catch {
      return undefined;
    }
  }

  /**
   * Derives the key of one record. One key for all records could encrypt only 2^32 times with random IVs of 96 bits
   * (NIST SP 800-38D, section 8.3).
   */
  #keyOf(id: string, place: string): Buffer | undefined {
    const key = this.#keys.get(id);
    return key && createHmac("sha256", key).update(`scs record\0${place}`).digest();
  }
}

/** Returns whether bytes have the form of an encrypted record. */
export function isEncrypted(data: Uint8Array): boolean {
  return data.length > MAGIC.length && MAGIC.every((byte, at) => data[at] === byte);
}

function headOf(id: string): Buffer {
  return Buffer.concat([MAGIC, Buffer.from([id.length]), Buffer.from(id, "latin1")]);
}

function checkedId({ id }: EncryptionKey): string {
  if (typeof id === "string" && ID.test(id)) return id;
  throw new TypeError("keys: an id must be 1 to 32 letters, digits, -, _ and .");
}

function bytesOf({ id, key }: EncryptionKey): Buffer {
  const bytes =
    typeof key === "string"
      ? Buffer.from(key, "base64")
      : key instanceof Uint8Array
        ? Buffer.from(key)
        : undefined;
  if (bytes?.length === 32) return bytes;
  throw new TypeError(
    `keys: the key "${id}" must have 32 bytes, as bytes or in base64, got ${bytes?.length ?? typeof key}`,
  );
}
