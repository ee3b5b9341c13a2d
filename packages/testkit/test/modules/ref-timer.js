import { TinyStore } from "./tiny-store.js";

/** A store that does not unref its timer. */
class RefTimerStore extends TinyStore {
  /** @override */
  schedule() {
    return super.schedule().ref();
  }
}

/** @type {import("@scs/testkit").Open<TinyStore>} */
export const open = (options) => new RefTimerStore(options);
