import { type FullStore, type StoreError, warnOncePerCode } from "@scs/core";
import { assertKnownOptions, StoreBase } from "@scs/core/kit";
import { EncryptedBackend } from "./encrypted/encrypted-backend.js";
import { type EncryptionKey, Envelope } from "./encrypted/envelope.js";

export type { EncryptionKey } from "./encrypted/envelope.js";

/** Options of an encrypted store. */
export interface EncryptedStoreOptions {
  /**
   * The first key encrypts, all decrypt. To change the key without an interruption: add the new key at the end on all hosts;
   * then move it to the front on all hosts; remove the old key when the sessions that it encrypted have expired.
   */
  keys: readonly EncryptionKey[];
  /**
   * Whether to read unencrypted records, and encrypt them at their next write, for a store that already holds sessions.
   * Everybody with write access to the store can then insert sessions. @default false
   */
  acceptUnencrypted?: boolean;
  /** Called with the error of each record that cannot be decrypted. @default a process warning, once per code */
  onError?: (error: StoreError) => void;
}

const NAME = "encrypted store";
const METHODS = [
  "find",
  "commit",
  "delete",
  "replace",
  "touch",
  "entries",
  "deleteExpired",
  "stopCleanup",
] as const;

/**
 * Encrypts the records of another store: `new EncryptedStore(new MemStore(), { keys })`. Uses AES-256-GCM. Each record
 * contains the ID of its key, and is only valid under its own token. Keeps all guarantees of the other store.
 *
 * Disposal leaves the other store open.
 *
 * @throws TypeError at construction, for keys or options that cannot work, with advice.
 */
export class EncryptedStore extends StoreBase {
  readonly #store: FullStore;

  constructor(store: FullStore, options: EncryptedStoreOptions) {
    assertKnownOptions(NAME, options, ["keys", "acceptUnencrypted", "onError"]);
    const { keys, acceptUnencrypted = false, onError = warnOncePerCode() } = options;
    const missing = METHODS.find((method) => typeof store?.[method] !== "function");
    if (missing !== undefined) {
      throw new TypeError(
        `${NAME}: the underlying store has no ${missing}(); pass a store that implements FullStore`,
      );
    }
    const envelope = new Envelope(keys);
    const backend = new EncryptedBackend({ store, envelope, acceptUnencrypted, onError });
    // The underlying store removes expired records.
    super(backend, { name: NAME, cleanupIntervalMs: 0, onError, hasClock: false });
    this.#store = store;
  }

  /** Ends the background cleanup of the underlying store. */
  override async stopCleanup(): Promise<void> {
    await super.stopCleanup();
    await this.#store.stopCleanup();
  }
}
