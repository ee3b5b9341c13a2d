import { isSmall, type Mutant, type ReplaceArguments } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

export const fullStoreMutants: readonly Mutant[] = [
  {
    breaks: "replace compares only data, and ignores touches",
    Store: class extends ReferenceStore {
      readonly #touched = new Set<string>();
      override async touch(token: string, expiry: Date) {
        const touched = await super.touch(token, expiry);
        if (touched) this.#touched.add(token); // a version that every write raises
        return touched;
      }
      override async replace(...call: ReplaceArguments) {
        return !(isSmall(call[1]) && this.#touched.has(call[0])) && super.replace(...call);
      }
    },
  },
  {
    breaks: "replace, touch, commit and delete of one token take effect in call order, awaited or not",
    Store: class extends ReferenceStore {
      readonly #replacing = new Set<string>();
      override async replace(...call: ReplaceArguments) {
        const [token, , data] = call;
        if (isSmall(data)) this.#replacing.add(token);
        return super.replace(...call).finally(() => this.#replacing.delete(token));
      }
      override async touch(token: string, expiry: Date) {
        return !this.#replacing.has(token) && super.touch(token, expiry); // locked
      }
    },
  },
  {
    breaks: "deleteExpired uses the expiry set by touch and replace",
    Store: class extends ReferenceStore {
      readonly #indexed = new Map<string, number>();
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data, expiry);
        this.#indexed.set(token, expiry.getTime());
      }
      override expired() {
        const indexed = (item: Item) => (isSmall(item.data) && this.#indexed.get(item.token)) || item.expiry; // touch does not update the index
        return [...this.disk.records.values()].filter((item) => indexed(item) <= this.now());
      }
    },
  },
  {
    breaks: "deleteExpired never removes a record that replace inserts meanwhile",
    also: ["deleteExpired never removes a record that commit renews meanwhile"],
    Store: class extends ReferenceStore {
      readonly #expired = new Set<string>();
      override async deleteExpired() {
        for (const item of this.expired()) if (isSmall(item.data)) this.#expired.add(item.token);
        const deleted = await super.deleteExpired();
        for (const token of this.#expired) this.remove(token);
        this.#expired.clear();
        return deleted;
      }
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        this.#expired.delete(token);
        await super.commit(token, data, expiry);
      }
    },
  },
  {
    breaks: "replace and touch return false after deleteExpired",
    Store: class extends ReferenceStore {
      readonly #removed = new Map<string, Item>();
      override async deleteExpired() {
        for (const item of this.expired()) if (isSmall(item.data)) this.#removed.set(item.token, item);
        return super.deleteExpired();
      }
      override async touch(token: string, expiry: Date) {
        const removed = this.#removed.get(token);
        if (removed === undefined || this.disk.records.has(token)) return super.touch(token, expiry);
        this.write(token, removed.data, expiry); // a cache that cleanups do not update
        return true;
      }
    },
  },
  {
    breaks: "entries yields each record exactly once during touches and replaces",
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        const item = this.live(token);
        if (item !== undefined) {
          this.disk.records.delete(token); // moves it to the end, as in a queue by expiry
          this.disk.records.set(token, item);
        }
        return super.touch(token, expiry);
      }
      override async *entries() {
        this.assertOpen();
        for (const item of this.disk.records.values())
          if (this.isLive(item)) yield { token: item.token, ...this.record(item) };
      }
    },
  },
  {
    breaks: "replace, touch, entries, all and deleteExpired reject with CLOSED after disposal",
    Store: class extends ReferenceStore {
      override all() {
        return super.all().catch(() => new Map<string, Uint8Array>());
      }
    },
  },
  {
    breaks: "disposal ends the background cleanup, and stopCleanup still resolves",
    Store: class extends ReferenceStore {
      override async stopCleanup() {
        this.assertOpen();
        await super.stopCleanup();
      }
    },
  },
  {
    breaks: "interleaved calls of every kind, including cleanups, are linearizable",
    Store: class extends ReferenceStore {
      override async deleteExpired() {
        const expired = this.expired();
        const deleted = await super.deleteExpired();
        for (let batch = 0; batch < 5; batch++) await this.latency();
        for (const item of expired) if (!isSmall(item.data)) this.remove(item.token); // collects first, and deletes later
        return deleted;
      }
    },
  },
];
