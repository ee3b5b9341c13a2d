import { type FullStore, type StoreError, warnOncePerCode } from "@scs/core";
import { assertKnownOptions, StoreBase } from "@scs/core/kit";
import { EncryptedBackend } from "./encrypted/encrypted-backend.js";
import { type EncryptionKey, Envelope } from "./encrypted/envelope.js";

export type { EncryptionKey } from "./encrypted/envelope.js";

/** Options of an encrypted store. */
export interface EncryptedStoreOptions {
  /**
   * The first encrypts, all decrypt. To change the key, without a moment at which a host cannot read what another
   * wrote: add the new one at the end everywhere; then put it first everywhere; take the old one out when the sessions
   * of its time are over.
   */
  keys: readonly EncryptionKey[];
  /**
   * Whether records that are not encrypted are read as they are, and encrypted when they are next written: for a store
   * that holds sessions already. Whoever can write the store can then put sessions there. @default false
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
 * A store over another store, which sees no session's content: `new EncryptedStore(new MemStore(), { keys })`. AES-256-GCM;
 * each record names its key, and is good for its own place alone. Compare-and-swap and all else are as in the store below.
 *
 * The store below is the app's: disposal leaves it open.
 *
 * @throws TypeError on construction, for keys or options that cannot work, with what to do instead.
 */
export class EncryptedStore extends StoreBase {
  readonly #store: FullStore;

  constructor(store: FullStore, options: EncryptedStoreOptions) {
    assertKnownOptions(NAME, options, ["keys", "acceptUnencrypted", "onError"]);
    const { keys, acceptUnencrypted = false, onError = warnOncePerCode() } = options;
    const missing = METHODS.find((method) => typeof store?.[method] !== "function");
    if (missing !== undefined) {
      throw new TypeError(
        `${NAME}: the store below has no ${missing}(); pass a store of this project, or one like it`,
      );
    }
    const envelope = new Envelope(keys);
    const backend = new EncryptedBackend({ store, envelope, acceptUnencrypted, onError });
    // The store below knows what has expired, and removes it.
    super(backend, { name: NAME, cleanupIntervalMs: 0, onError, hasClock: false });
    this.#store = store;
  }

  /** Ends the background cleanup of the store below. */
  override async stopCleanup(): Promise<void> {
    await super.stopCleanup();
    await this.#store.stopCleanup();
  }
}
