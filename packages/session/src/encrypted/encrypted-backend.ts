import type { FullStore, SessionEntry, SessionRecord } from "@scs/core";
import { StoreError } from "@scs/core";
import type { Answer, Backend, Call, ReplaceCall } from "@scs/core/kit";
import { type Envelope, isEncrypted } from "./envelope.js";

export interface BackendOptions {
  store: FullStore;
  envelope: Envelope;
  acceptUnencrypted: boolean;
  onError: (error: StoreError) => void;
}

/** Maximum number of attempts of one replacement while others change the record. */
const MAX_TRIES = 100;
/** Maximum number of remembered ciphertexts, which save a read before a replacement. */
const MAX_REMEMBERED = 512;
/** Maximum length of a remembered ciphertext in bytes. */
const MAX_REMEMBERED_BYTES = 16_384;
/** Number of records decrypted per turn of the event loop. */
const PAGE_SIZE = 64;

/** Encrypts the data written to a store, and decrypts the data read from it. */
export class EncryptedBackend implements Backend {
  readonly #options: BackendOptions;
  readonly #store: FullStore;
  readonly #envelope: Envelope;
  /** The last known ciphertext of each record, oldest first. */
  readonly #remembered: Map<string, Uint8Array> = new Map();

  constructor(options: BackendOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#envelope = options.envelope;
  }

  async execute(call: Call): Promise<Answer> {
    const { token } = call;
    switch (call.kind) {
      case "find":
        return this.#find(token);
      case "commit":
        return this.#store.commit(
          token,
          this.#encrypt(token, call.data),
          new Date(call.expiry),
        ) as Promise<undefined>;
      case "delete":
        this.#remembered.delete(token);
        return this.#store.delete(token) as Promise<undefined>;
      case "replace":
        return this.#replace(call);
      case "touch":
        return this.#store.touch(token, new Date(call.expiry));
    }
  }

  async *pages(): AsyncGenerator<SessionEntry[]> {
    let page: SessionEntry[] = [];
    for await (const { token, ...record } of this.#store.entries()) {
      const found = this.#decrypt(token, record);
      if (found !== undefined) page.push({ token, ...found });
      if (page.length < PAGE_SIZE) continue;
      yield page;
      page = [];
    }
    yield page;
  }

  async *removeExpired(): AsyncGenerator<number> {
    yield await this.#store.deleteExpired();
  }

  /** Passes on errors of the underlying store unchanged. */
  toStoreError(error: unknown): Error {
    const { code } = (error ?? {}) as { code?: unknown };
    if (error instanceof Error && typeof code === "string" && error.name === "StoreError") return error;
    return new StoreError("UNAVAILABLE", "encrypted store: the underlying store failed", { cause: error });
  }

  async #find(token: string): Promise<SessionRecord | undefined> {
    const record = await this.#store.find(token);
    const found = record && this.#decrypt(token, record);
    if (record !== undefined && found !== undefined) this.#remember(token, record.data);
    return found;
  }

  /**
   * Compares the decrypted data, and lets the underlying store compare the ciphertext: of two clients that read the same
   * record, only one succeeds.
   */
  async #replace({ token, previous, data, expiry }: ReplaceCall): Promise<boolean> {
    let current = this.#remembered.get(token);
    let isKnown = this.#isSame(token, current, previous);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (!isKnown) {
        current = (await this.#store.find(token))?.data;
        if (!this.#isSame(token, current, previous)) return false;
      }
      const sealed = this.#envelope.encrypt(token, data);
      if (await this.#store.replace(token, current, sealed, new Date(expiry))) {
        this.#remember(token, sealed);
        return true;
      }
      this.#remembered.delete(token);
      isKnown = false;
    }
    throw new StoreError(
      "UNAVAILABLE",
      `encrypted store: others changed a record ${MAX_TRIES} times in a row`,
    );
  }

  /** Returns whether a ciphertext contains `data`. Returns `false` if the ciphertext cannot be decrypted. */
  #isSame(token: string, sealed: Uint8Array | undefined, data: Uint8Array | undefined): boolean {
    const found = sealed && this.#open(token, sealed);
    if (found === undefined || data === undefined) return found === data;
    return Buffer.compare(found, data) === 0;
  }

  #encrypt(token: string, data: Uint8Array): Uint8Array {
    const sealed = this.#envelope.encrypt(token, data);
    this.#remember(token, sealed);
    return sealed;
  }

  #decrypt(token: string, record: SessionRecord): SessionRecord | undefined {
    const data = this.#open(token, record.data);
    if (data !== undefined) return { data, expiry: record.expiry };
    this.#options.onError(
      new StoreError(
        "CORRUPT",
        "encrypted store: a record cannot be decrypted, because it was changed or moved, or keys lacks its key; it counts as absent",
      ),
    );
    return undefined;
  }

  #open(token: string, data: Uint8Array): Uint8Array | undefined {
    if (this.#options.acceptUnencrypted && !isEncrypted(data)) return data;
    return this.#envelope.decrypt(token, data);
  }

  #remember(token: string, sealed: Uint8Array): void {
    this.#remembered.delete(token);
    if (sealed.length > MAX_REMEMBERED_BYTES) return;
    this.#remembered.set(token, sealed);
    if (this.#remembered.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#remembered.keys();
    this.#remembered.delete(oldest as string);
  }
}
