// A minimal correct store for the checks in a process of their own.

/** @typedef {import("@scs/core").ExpiringStore} ExpiringStore */
/** @typedef {import("@scs/testkit").OpenOptions} OpenOptions */

/** @implements {ExpiringStore} */
export class TinyStore {
  /** @type {Map<string, import("@scs/core").SessionRecord>} */
  #records = new Map();
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /** @param {OpenOptions} options */
  constructor(options) {
    this.options = options;
    this.#timer = this.schedule();
  }

  schedule() {
    const store = new WeakRef(this);
    return setInterval(() => void store.deref()?.deleteExpired(), this.options.cleanupIntervalMs).unref();
  }

  /** @param {string} token */
  async find(token) {
    return this.#records.get(token);
  }

  /** @param {string} token @param {Uint8Array} data @param {Date} expiry */
  async commit(token, data, expiry) {
    this.#records.set(token, { data, expiry });
  }

  /** @param {string} token */
  async delete(token) {
    this.#records.delete(token);
  }

  async deleteExpired() {
    return 0;
  }

  async stopCleanup() {
    clearInterval(this.#timer);
  }
}

/** @type {import("@scs/testkit").Open<TinyStore>} */
export const open = (options) => new TinyStore(options);
