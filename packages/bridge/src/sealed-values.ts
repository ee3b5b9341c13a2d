import { createCipheriv, createDecipheriv, createHmac, randomBytes } from "node:crypto";

const CIPHER = "aes-256-gcm";
const [IV_BYTES, TAG_BYTES] = [12, 16];

/**
 * Encrypts each value with a key derived from a secret and the name of the record. A reader of the store cannot read a
 * value, and a writer cannot move it to another name.
 */
export class SealedValues {
  readonly #secrets: readonly string[];

  /** The first secret encrypts; the others only decrypt. */
  constructor(secrets: readonly string[]) {
    this.#secrets = secrets;
  }

  /** Encrypts a text. Returns IV, authentication tag and ciphertext. */
  seal(name: string, text: string): Buffer {
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv(CIPHER, keyFor(this.#secrets[0] as string, name), iv);
    const content = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), content]);
  }

  /** Decrypts a text; `undefined` if it was not encrypted under this name with one of the secrets. */
  open(name: string, data: Uint8Array): string | undefined {
    const sealed = Buffer.from(data);
    if (sealed.length < IV_BYTES + TAG_BYTES) return undefined;
    for (const secret of this.#secrets) {
      const decipher = createDecipheriv(CIPHER, keyFor(secret, name), sealed.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAuthTag(sealed.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
      try {
        return Buffer.concat([
          decipher.update(sealed.subarray(IV_BYTES + TAG_BYTES)),
          decipher.final(),
        ]).toString();
      } catch {} // another secret, or damaged
    }
    return undefined;
  }
}

function keyFor(secret: string, name: string): Buffer {
  return createHmac("sha256", secret).update(`@scs/bridge ${name}`).digest();
}
