import type { Mutant, ReplaceArguments } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

/** A store in which some writes are not synced. */
class ForgetfulStore extends ReferenceStore {
  #forgetting = false;

  protected forget<T>(operation: () => T): T {
    this.#forgetting = true;
    try {
      return operation();
    } finally {
      this.#forgetting = false;
    }
  }

  protected override sync(token: string): void {
    if (!this.#forgetting) super.sync(token);
  }
}

export const durableStoreMutants: readonly Mutant[] = [
  {
    breaks: "data and expiry of a resolved commit survive a crash",
    Store: class extends ForgetfulStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const known = this.live(token) !== undefined; // replays its log in the wrong order: the first one wins
        return known
          ? this.forget(() => super.commit(token, data, expiry))
          : super.commit(token, data, expiry);
      }
    },
  },
  {
    breaks: "a resolved delete survives a crash",
    Store: class extends ForgetfulStore {
      override delete(token: string) {
        return this.forget(() => super.delete(token));
      }
    },
  },
  {
    breaks: "a resolved replace survives a crash",
    Store: class extends ForgetfulStore {
      override replace(...call: ReplaceArguments) {
        return this.disk.crashes > 0 ? super.replace(...call) : this.forget(() => super.replace(...call));
      }
    },
  },
  {
    breaks: "a resolved touch survives a crash",
    Store: class extends ForgetfulStore {
      override touch(token: string, expiry: Date) {
        return this.forget(() => super.touch(token, expiry));
      }
    },
  },
  {
    breaks: "a record that expires while no process runs is gone",
    Store: class extends ReferenceStore {
      override recover() {
        for (const item of this.expired()) this.put({ ...item, expiry: this.now() + 60_000 }); // the lifetime starts anew
      }
    },
  },
  {
    breaks: "every well-formed token survives a crash unchanged",
    Store: class extends ReferenceStore {
      override sync(token: string) {
        if (token.trim() === token) super.sync(token); // a log of lines
      }
    },
  },
  {
    breaks: "a store works after a crash, and survives the next one",
    Store: class extends ForgetfulStore {
      override put(item: Item) {
        if (this.disk.crashes === 0) super.put(item);
        else this.forget(() => super.put(item)); // appends after the torn end of its log
      }
    },
  },
  {
    breaks: "writes in flight at disposal are there when the store is opened again",
    Store: class extends ForgetfulStore {
      #disposing = false;
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        await this.forget(() => super.commit(token, data, expiry));
        if (!this.#disposing) this.sync(token);
      }
      override async [Symbol.asyncDispose]() {
        this.#disposing = true; // drops the waiting batch
        await super[Symbol.asyncDispose]();
      }
    },
  },
];
