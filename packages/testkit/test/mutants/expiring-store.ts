import type { OpenOptions } from "@scs/testkit";
import { isSmall, type Mutant, type ProcessMutant, type ReplaceArguments, smallOnly } from "../mutant.js";
import { ReferenceStore } from "../reference-store.js";

export const expiringStoreMutants: readonly Mutant[] = [
  {
    breaks: "deleteExpired returns 0 if no record has expired",
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        const due = [...this.disk.records.values()].filter(({ expiry }) => expiry === this.now() + 1);
        return (await super.deleteExpired()) + due.length;
      }
    },
  },
  {
    breaks: "deleteExpired changes no live record",
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
    breaks: "deleteExpired removes a record from the instant of its expiry",
    also: [
      "deleteExpired returns the number of removed records",
      "concurrent deleteExpired calls of two clients count each record once",
      "other calls work during deleteExpired",
      "a store works after stopCleanup",
      "deleteExpired uses the expiry set by touch and replace",
    ],
    Store: class extends ReferenceStore {
      override expired() {
        return super.expired().filter((item) => item.expiry < this.now());
      }
    },
  },
  {
    breaks: "deleteExpired returns the number of removed records",
    also: [
      "concurrent deleteExpired calls of two clients count each record once",
      "other calls work during deleteExpired",
    ],
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        const deleted = await super.deleteExpired();
        return deleted > 150 ? deleted - 150 : deleted; // changes() of the last of several statements
      }
    },
  },
  {
    breaks: "concurrent deleteExpired calls of two clients count each record once",
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        this.assertOpen();
        const expired = this.expired();
        await this.latency();
        for (const item of expired) if (this.disk.records.get(item.token) === item) this.remove(item.token);
        return expired.length; // the number of candidates, not of removed records
      }
    },
  },
  {
    breaks: "deleteExpired never removes a record that commit renews meanwhile",
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
    breaks: "other calls work during deleteExpired",
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
        if (!this.#running || !smallOnly(this.live(token))) await super.delete(token); // ignores SQLITE_BUSY
      }
    },
  },
  {
    breaks: "the background cleanup removes expired records",
    Store: class extends ReferenceStore {
      override schedule(options: OpenOptions) {
        const cleanup = super.schedule(options);
        void cleanup.stop(); // avoids a timer that holds the process, by having none
        return cleanup;
      }
    },
  },
  {
    breaks: "stopCleanup may be called repeatedly and concurrently",
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
    breaks: "a store works after stopCleanup",
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
    breaks: "opening a store rejects a cleanupIntervalMs out of the range of timers",
    Store: class extends ReferenceStore {
      override schedule(options: OpenOptions) {
        return super.schedule({ ...options, cleanupIntervalMs: Number(options.cleanupIntervalMs ?? 60_000) }); // "60000" from an environment variable
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
    breaks: "a dropped store is garbage-collected",
    also: ["a dropped store is garbage-collected even if its onError refers to it"],
    module: new URL("../modules/open-stores.js", import.meta.url),
  },
  {
    breaks: "a dropped store is garbage-collected even if its onError refers to it",
    module: new URL("../modules/timer-with-on-error.js", import.meta.url),
  },
];
