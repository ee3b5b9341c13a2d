import type { OpenOptions } from "@scs/testkit";
import { isSmall, type Mutant, type ProcessMutant, type ReplaceArguments, smallOnly } from "../mutant.js";
import { ReferenceStore } from "../reference-store.js";

export const expiringStoreMutants: readonly Mutant[] = [
  {
    breaks: "deleteExpired of a store in which nothing has expired gives 0",
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        const due = [...this.disk.records.values()].filter(({ expiry }) => expiry === this.now() + 1);
        return (await super.deleteExpired()) + due.length;
      }
    },
  },
  {
    breaks: "deleteExpired leaves every live record as it is",
    also: ["a record that expires while no process runs is gone"],
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        const deleted = super.deleteExpired();
        for (const item of this.disk.records.values()) {
          if (isSmall(item.data)) this.put({ ...item, expiry: Math.floor(item.expiry / 1000) * 1000 }); // a file in Unix seconds, rewritten
        }
        return deleted;
      }
    },
  },
  {
    breaks: "deleteExpired removes a record at the very instant it expires",
    also: [
      "deleteExpired gives how many records it removed",
      "what two clients remove by deleteExpired at once is counted once",
      "other calls go on while deleteExpired runs",
      "a store works on after stopCleanup",
      "deleteExpired goes by the expiry that touch and replace have set",
    ],
    Store: class extends ReferenceStore {
      override expired() {
        return super.expired().filter((item) => item.expiry < this.now());
      }
    },
  },
  {
    breaks: "deleteExpired gives how many records it removed",
    also: [
      "what two clients remove by deleteExpired at once is counted once",
      "other calls go on while deleteExpired runs",
    ],
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        const deleted = await super.deleteExpired();
        return deleted > 150 ? deleted - 150 : deleted; // changes() of the last of several statements
      }
    },
  },
  {
    breaks: "what two clients remove by deleteExpired at once is counted once",
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        this.assertOpen();
        const expired = this.expired();
        await this.latency();
        for (const item of expired) if (this.disk.records.get(item.token) === item) this.remove(item.token);
        return expired.length; // what it has collected, not what it has removed
      }
    },
  },
  {
    breaks: "deleteExpired never removes a record that is renewed while it runs",
    Store: class extends ReferenceStore {
      readonly #expired = new Set<string>();
      override async deleteExpired() {
        for (const item of this.expired()) if (isSmall(item.data)) this.#expired.add(item.token);
        const deleted = await super.deleteExpired();
        for (const token of this.#expired) this.remove(token);
        this.#expired.clear();
        return deleted;
      }
      override replace(...call: ReplaceArguments) {
        this.#expired.delete(call[0]);
        return super.replace(...call);
      }
    },
  },
  {
    breaks: "other calls go on while deleteExpired runs",
    Store: class extends ReferenceStore {
      #running = false;
      override async deleteExpired() {
        this.#running = true;
        const deleted = await super.deleteExpired();
        for (let batch = 0; batch < 5; batch++) await this.latency();
        this.#running = false;
        return deleted;
      }
      override async delete(token: string) {
        if (!this.#running || !smallOnly(this.live(token))) await super.delete(token); // SQLITE_BUSY, not looked at
      }
    },
  },
  {
    breaks: "the background cleanup removes what has expired",
    Store: class extends ReferenceStore {
      override schedule(options: OpenOptions) {
        const cleanup = super.schedule(options);
        void cleanup.stop(); // by whoever has no timers to hold a process open
        return cleanup;
      }
    },
  },
  {
    breaks: "stopCleanup may be called again, and at once",
    Store: class extends ReferenceStore {
      #stopped = false;
      override async stopCleanup() {
        if (this.#stopped) throw new Error("the cleanup was stopped before");
        this.#stopped = true;
        await super.stopCleanup();
      }
    },
  },
  {
    breaks: "a store works on after stopCleanup",
    Store: class extends ReferenceStore {
      #stopped = false;
      override async stopCleanup() {
        this.#stopped = true;
        await super.stopCleanup();
      }
      override expired() {
        return this.#stopped ? [] : super.expired();
      }
    },
  },
  {
    breaks: "a cleanupIntervalMs that no timer can keep is refused when the store is opened",
    Store: class extends ReferenceStore {
      override schedule(options: OpenOptions) {
        return super.schedule({ ...options, cleanupIntervalMs: Number(options.cleanupIntervalMs ?? 60_000) }); // "60000" of the environment
      }
    },
  },
];

export const expiringStoreProcessMutants: readonly ProcessMutant[] = [
  {
    breaks: "the background cleanup never keeps the process alive",
    module: new URL("../modules/ref-timer.js", import.meta.url),
  },
  {
    breaks: "a store that the app has dropped is collected",
    also: ["a store that the app has dropped is collected though its onError refers to it"],
    module: new URL("../modules/open-stores.js", import.meta.url),
  },
  {
    breaks: "a store that the app has dropped is collected though its onError refers to it",
    module: new URL("../modules/timer-with-on-error.js", import.meta.url),
  },
];
