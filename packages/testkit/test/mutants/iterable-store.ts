import type { SessionEntry } from "@scs/core";
import { isSmall, type Mutant, smallOnly } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

export const iterableStoreMutants: readonly Mutant[] = [
  {
    breaks: "entries of an empty store yields nothing",
    Store: class extends ReferenceStore {
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        yield* super.entries();
        if (this.disk.records.size === 0) yield { token: "", data: new Uint8Array(0), expiry: new Date(0) }; // a row of NULLs
      }
    },
  },
  {
    breaks: "all of an empty store returns an empty map",
    Store: class extends ReferenceStore {
      override async all() {
        const all = await super.all();
        return all.size > 0 ? all : (undefined as unknown as typeof all);
      }
    },
  },
  {
    breaks: "entries yields the token, data and expiry of each live record",
    Store: class extends ReferenceStore {
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        for await (const entry of super.entries()) {
          yield { ...entry, expiry: new Date(Math.floor(entry.expiry.getTime() / 1000) * 1000) }; // Unix seconds
        }
      }
    },
  },
  {
    breaks: "all returns the token and data of each live record",
    Store: class extends ReferenceStore {
      override async all() {
        const all = await super.all();
        const last = [...all.values()].at(-1);
        const small = [...all].every(([token, data]) => isSmall(data) && token.length > 1);
        return small && last ? new Map([...all.keys()].map((token) => [token, last])) : all; // one buffer for every row
      }
    },
  },
  {
    breaks: "entries omits a record from the instant of its expiry",
    Store: class extends ReferenceStore {
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        yield* super.entries();
        for (const item of this.expired())
          if (item.expiry === this.now()) yield { token: item.token, ...this.record(item) };
      }
    },
  },
  {
    breaks: "all omits a record from the instant of its expiry",
    Store: class extends ReferenceStore {
      override async all() {
        const all = await super.all();
        for (const { token, data, expiry } of this.expired()) if (expiry === this.now()) all.set(token, data);
        return all;
      }
    },
  },
  {
    breaks: "entries and all omit deleted records",
    Store: class extends ReferenceStore {
      readonly #deleted = new Map<string, Uint8Array>();
      override remove(token: string) {
        const item = smallOnly(this.live(token));
        if (item) this.#deleted.set(token, item.data);
        super.remove(token);
      }
      override async all() {
        return new Map([...this.#deleted, ...(await super.all())]); // a soft delete
      }
    },
  },
  {
    breaks: "entries and all return every token exactly as committed",
    Store: class extends ReferenceStore {
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        for await (const entry of super.entries()) yield { ...entry, token: entry.token.trim() };
      }
    },
  },
  {
    breaks: "changing an entry of entries changes no record",
    Store: class extends ReferenceStore {
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        for await (const entry of super.entries())
          yield { ...entry, data: this.live(entry.token)?.data ?? entry.data };
      }
    },
  },
  {
    breaks: "changing the map returned by all changes no record",
    Store: class extends ReferenceStore {
      override async all() {
        const all = await super.all();
        for (const token of all.keys()) all.set(token, this.live(token)?.data ?? new Uint8Array(0));
        return all;
      }
    },
  },
  {
    breaks: "entries yields each of 3,000 records exactly once",
    Store: class extends ReferenceStore {
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        let limit = 1000;
        for await (const entry of super.entries()) if (limit-- > 0) yield entry;
      }
    },
  },
  {
    breaks: "all returns each of 3,000 records",
    Store: class extends ReferenceStore {
      override async all() {
        return new Map([...(await super.all())].slice(0, 1000));
      }
    },
  },
  {
    breaks:
      "entries yields each continuously live record exactly once during commits, overwrites and deletes",
    Store: class extends ReferenceStore {
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        this.assertOpen();
        for (let offset = 0; offset < this.disk.records.size; offset += 50) {
          const tokens = [...this.disk.records.keys()].sort().slice(offset, offset + 50); // OFFSET and LIMIT
          await undefined;
          for (const item of tokens.map((token) => this.live(token)))
            if (item) yield { token: item.token, ...this.record(item) };
        }
      }
    },
  },
  {
    breaks: "entries yields each record exactly once during finds",
    Store: class extends ReferenceStore {
      override find(token: string) {
        const item = this.live(token);
        if (item !== undefined) {
          this.disk.records.delete(token); // moves it to the end, as an LRU cache does
          this.disk.records.set(token, item);
        }
        return super.find(token);
      }
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        this.assertOpen();
        const walked = new Set<Item>();
        for (const item of this.disk.records.values()) {
          if (this.isLive(item)) yield { token: item.token, ...this.record(item) };
          if (walked.size === walked.add(item).size) return; // otherwise writes could prolong the iteration for ever
        }
      }
    },
  },
  {
    breaks: "two concurrent iterations of entries do not disturb each other",
    Store: class extends ReferenceStore {
      #position = 0;
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        this.assertOpen();
        this.#position = 0;
        for (const items = [...this.disk.records.values()]; this.#position < items.length; ) {
          const item = this.live(items[this.#position++]?.token ?? "");
          await undefined;
          if (item !== undefined) yield { token: item.token, ...this.record(item) };
        }
      }
    },
  },
  {
    breaks: "a store works after an iteration of entries ended early",
    Store: class extends ReferenceStore {
      #walked: string | undefined;
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        let from = this.#walked;
        for await (const entry of super.entries()) {
          const skipped = from !== undefined; // continues where the last iteration ended
          if (from === entry.token) from = undefined;
          this.#walked = entry.token;
          if (!skipped) yield entry;
        }
        this.#walked = undefined;
      }
    },
  },
  {
    breaks: "entries and all return records committed by another client",
    Store: class extends ReferenceStore {
      readonly #own = new Set<string>();
      override put(item: Item) {
        this.#own.add(item.token);
        super.put(item);
      }
      override async *entries(): AsyncIterableIterator<SessionEntry> {
        for await (const entry of super.entries()) if (this.#own.has(entry.token)) yield entry;
      }
    },
  },
];
