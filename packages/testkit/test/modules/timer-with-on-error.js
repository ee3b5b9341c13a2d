import { TinyStore } from "./tiny-store.js";

/** Holds the store weakly, but not its onError. */
class TimerWithOnErrorStore extends TinyStore {
  /** @override */
  schedule() {
    const { cleanupIntervalMs, onError } = this.options;
    const store = new WeakRef(this);
    return setInterval(() => void store.deref()?.deleteExpired().catch(onError), cleanupIntervalMs).unref();
  }
}

/** @type {import("@scs/testkit").Open<TinyStore>} */
export const open = (options) => new TimerWithOnErrorStore(options);
