import { isToken, type SessionRecord, StoreError } from "@scs/core";
import { isSmall, type Mutant, type ReplaceArguments, smallOnly } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

const listings = [
  "entries and all return every token exactly as committed",
  "every well-formed token survives a crash unchanged",
];

/** `token LIKE pattern` of SQL. */
function isLike(token: string, pattern: string): boolean {
  const wildcards: Record<string, string> = { "%": ".*", _: "." };
  const parts = [...pattern].map((char) => wildcards[char] ?? `\\u{${char.codePointAt(0)?.toString(16)}}`);
  return RegExp(`^${parts.join("")}$`, "su").test(token);
}

export const storeMutants: readonly Mutant[] = [
  {
    breaks: "find returns undefined for an unknown token",
    Store: class extends ReferenceStore {
      override find(token: string) {
        if (!isToken(token) || this.disk.records.has(token)) return super.find(token);
        const similar = [...this.disk.records.values()].find((item) =>
          smallOnly(item)?.token.includes(token),
        );
        return super.find(similar?.token ?? token); // LIKE '%token%'
      }
    },
  },
  {
    breaks: "find returns the committed data",
    also: [
      "find returns an expiry a century away, to the millisecond",
      "commit changes no other record",
      "changing an array returned by find changes no record",
      "each find returns an array of its own",
      "changing the Date returned by find changes no record",
      "replace with the stored data as previous writes data and expiry",
      "replace loses none of 1,000 increments of one counter from two clients",
      "changing the map returned by all changes no record",
    ],
    Store: class extends ReferenceStore {
      override find(token: string) {
        const found = super.find(token);
        const item = smallOnly(this.live(token));
        if (item) this.put({ ...item, data: new Uint8Array(0) }); // gives its only buffer away
        return found;
      }
    },
  },
  {
    breaks: "find returns the committed expiry, to the millisecond",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const lifetime = Number(expiry) - this.now();
        return super.commit(token, data, lifetime > 0 && lifetime < 10 ? new Date(this.now() + 10) : expiry);
      }
    },
  },
  {
    breaks: "find returns an expiry a century away, to the millisecond",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data, new Date(Math.min(expiry.getTime(), 2 ** 32 * 1000))); // seconds in 32 bits
      }
    },
  },
  {
    breaks: "commit overwrites the data of a live record",
    also: [
      "commit of a view on a larger buffer stores only the bytes of the view",
      "find sees an earlier commit of its token that was not awaited",
    ],
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const item = smallOnly(this.live(token));
        const unchanged = item && item.data.length === data?.length && item.expiry === Number(expiry);
        return super.commit(token, unchanged ? item.data : data, expiry);
      }
    },
  },
  {
    breaks: "commit overwrites the expiry of a live record, later and earlier",
    also: ["touch, commit and delete of one token take effect in call order, awaited or not"],
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const item = smallOnly(this.live(token));
        const shortens = item && isSmall(data) && this.same(item.data, data) && Number(expiry) > this.now();
        return super.commit(token, data, shortens ? new Date(Math.max(item.expiry, Number(expiry))) : expiry);
      }
    },
  },
  {
    breaks: "commit changes no other record",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        const overwrites = smallOnly(this.live(token)) !== undefined;
        super.write(token, data, expiry);
        for (const item of overwrites ? [...this.disk.records.values()] : []) {
          if (this.same(item.data, data)) this.put({ ...item, expiry: expiry.getTime() }); // UPDATE ... WHERE data =
        }
      }
    },
  },
  {
    breaks: "delete removes a record",
    also: [
      "commit and delete of one token take effect in call order, awaited or not",
      "find sees the commits and deletes of another client at once",
      "delete always wins over late replaces from two clients",
      "delete always wins over concurrent touches from two clients",
    ],
    Store: class extends ReferenceStore {
      #written: Item | undefined;
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data, expiry);
        this.#written = smallOnly(this.disk.records.get(token));
      }
      override live(token: string) {
        this.#written = undefined;
        return super.live(token);
      }
      override find(token: string) {
        const written = this.#written;
        if (!written || written.token !== token || !this.isLive(written)) return super.find(token);
        return this.operate(() => this.record(written)); // a cache of the last write, which delete does not clear
      }
    },
  },
  {
    breaks: "delete of a missing record succeeds",
    also: [
      "commit and delete of one token take effect in call order, awaited or not",
      "interleaved replaces of several clients are linearizable",
      "interleaved touches of several clients are linearizable",
      "interleaved calls of every kind, including cleanups, are linearizable",
      "interleaved finds, commits and deletes of several clients are linearizable",
    ],
    Store: class extends ReferenceStore {
      readonly #known = new Set<string>();
      override put(item: Item) {
        this.#known.add(item.token);
        super.put(item);
      }
      override async delete(token: string) {
        const missing = isToken(token) && !this.#known.has(token);
        await super.delete(token);
        if (missing) throw new StoreError("UNAVAILABLE", "no such file"); // ENOENT
      }
    },
  },
  {
    breaks: "delete removes no other record",
    Store: class extends ReferenceStore {
      override remove(token: string) {
        super.remove(token);
        for (const item of [...this.disk.records.values()]) {
          if (smallOnly(this.live(item.token)) && token.startsWith(item.token)) super.remove(item.token); // LIKE with swapped operands
        }
      }
    },
  },
  {
    breaks: "a token can be committed again after delete",
    also: [
      "touch, commit and delete of one token take effect in call order, awaited or not",
      "replace, touch, commit and delete of one token take effect in call order, awaited or not",
    ],
    Store: class extends ReferenceStore {
      readonly #revoked = new Set<string>();
      override remove(token: string) {
        if (smallOnly(this.live(token))) this.#revoked.add(token);
        super.remove(token);
      }
      override write(token: string, data: Uint8Array, expiry: Date) {
        if (!this.#revoked.has(token)) super.write(token, data, expiry);
      }
    },
  },
  {
    breaks: "a record is live until the millisecond before it expires",
    also: [
      "find returns the committed expiry, to the millisecond",
      "a record lives exactly until the expiry set by touch",
      "a record that expires while no process runs is gone",
    ],
    Store: class extends ReferenceStore {
      override async find(token: string) {
        const record = await super.find(token);
        return isSmall(record?.data) && record?.expiry.getTime() === this.now() + 1 ? undefined : record;
      }
    },
  },
  {
    breaks: "a record is gone at the instant of its expiry",
    also: [
      "commit with the present instant as expiry leaves no live record",
      "replace with data as previous returns false from the instant of expiry",
      "replace with a past expiry leaves no live record",
      "a record lives exactly until the expiry set by touch",
      "touch returns false from the instant of expiry, and never brings the record back",
      "touch with a past expiry ends the record",
      "a record that expires while no process runs is gone",
    ],
    Store: class extends ReferenceStore {
      override find(token: string) {
        const item = smallOnly(this.disk.records.get(token));
        if (item?.expiry !== this.now()) return super.find(token);
        return this.operate(() => this.record(item)); // now <= expiry
      }
    },
  },
  {
    breaks: "a record stays gone after it has expired",
    Store: class extends ReferenceStore {
      override find(token: string) {
        const item = smallOnly(this.disk.records.get(token));
        const wraps = item && Math.floor((this.now() - item.expiry) / 86_400_000) === 1; // compares the time of day
        return wraps ? this.operate(() => this.record(item)) : super.find(token);
      }
    },
  },
  {
    breaks: "a token can be committed again after its record has expired",
    also: ["touch with a past expiry ends the record"],
    Store: class extends ReferenceStore {
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        const old = smallOnly(this.disk.records.get(token));
        const committed = super.commit(token, data, expiry);
        if (old && !this.isLive(old)) this.put(old); // ON CONFLICT DO NOTHING
        return committed;
      }
    },
  },
  {
    breaks: "commit with a past expiry leaves no live record",
    Store: class extends ReferenceStore {
      override isLive(item: Item) {
        return item.expiry === 0 || super.isLive(item); // 0 for a session that never expires
      }
    },
  },
  {
    breaks: "commit with the present instant as expiry leaves no live record",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const now = isSmall(data) && Number(expiry) === this.now();
        return super.commit(token, data, now ? new Date(this.now() + 1) : expiry); // a lifetime of at least 1 ms
      }
    },
  },
  {
    breaks: "commit with a past expiry ends the live record",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        if (expiry.getTime() >= this.now()) super.write(token, data, expiry); // skips a write that would expire at once
      }
    },
  },
  {
    breaks: "changing an array after commit changes no record",
    also: [
      "changing an array during commit changes no record",
      "changing the arguments of replace changes no record, even while the call is in flight",
    ],
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        this.put({ token, data, expiry: expiry.getTime() });
      }
    },
  },
  {
    breaks: "changing an array during commit changes no record",
    Store: class extends ReferenceStore {
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        const committed = super.commit(token, data, expiry);
        const item = this.live(token);
        await committed;
        if (item !== undefined && this.live(token) === item) this.put({ ...item, data: data.slice() });
      }
    },
  },
  {
    breaks: "changing an array returned by find changes no record",
    also: ["each find returns an array of its own"],
    Store: class extends ReferenceStore {
      override find(token: string) {
        return this.operate(() => {
          const item = this.live(token);
          return item && { data: item.data, expiry: new Date(item.expiry) };
        });
      }
    },
  },
  {
    breaks: "each find returns an array of its own",
    Store: class extends ReferenceStore {
      readonly #finding = new Map<Item | undefined, Promise<SessionRecord | undefined>>();
      override async find(token: string) {
        const item = this.live(token);
        const finding = (item && this.#finding.get(item)) ?? super.find(token); // shares one read between all waiting calls
        this.#finding.set(item, finding);
        try {
          return await finding;
        } finally {
          this.#finding.delete(item);
        }
      }
    },
  },
  {
    breaks: "changing the Date after commit changes no record",
    Store: class extends ReferenceStore {
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        const committed = super.commit(token, data, expiry);
        const item = this.live(token);
        await committed;
        if (item !== undefined && this.live(token) === item) this.put({ ...item, expiry: expiry.getTime() });
      }
    },
  },
  {
    breaks: "changing the Date returned by find changes no record",
    Store: class extends ReferenceStore {
      readonly #dates = new WeakMap<Item, Date>();
      override async find(token: string) {
        const item = this.live(token);
        const record = await super.find(token);
        if (item === undefined || record === undefined) return record;
        const expiry = this.#dates.get(item) ?? record.expiry;
        this.#dates.set(item, expiry);
        return { ...record, expiry };
      }
    },
  },
  {
    breaks: "commit of a view on a larger buffer stores only the bytes of the view",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return super.commit(token, data instanceof Uint8Array ? new Uint8Array(data.buffer) : data, expiry);
      }
    },
  },
  {
    breaks: "find returns empty data as committed",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return data?.length === 0 ? super.delete(token) : super.commit(token, data, expiry);
      }
    },
  },
  {
    breaks: "find returns 1 MiB of data as committed",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data.subarray(0, 65_535), expiry); // a BLOB of MySQL
      }
    },
  },
  {
    breaks: "find returns every value of a byte, in every place",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data.subarray(0, data.findLastIndex((byte) => byte !== 0) + 1), expiry); // BINARY pads with 0
      }
    },
  },
  {
    breaks: "tokens that look like paths have records of their own",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replaceAll(/[\\/:]/g, "-");
      }
    },
  },
  {
    breaks: "tokens with quotes and placeholders have records of their own",
    Store: class extends ReferenceStore {
      override remove(token: string) {
        for (const item of [...this.disk.records.values()])
          if (isLike(item.token, token)) super.remove(item.token);
      }
    },
  },
  {
    breaks: "tokens that name properties of objects have records of their own",
    also: listings,
    Store: class extends ReferenceStore {
      override put(item: Item) {
        const object: Record<string, number> = {};
        object[item.token] = item.expiry;
        if (Object.hasOwn(object, item.token)) super.put(item); // __proto__ never becomes a property
      }
    },
  },
  {
    breaks: "tokens that differ only in white space or control characters have records of their own",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replace(/ +$/, ""); // SQL compares CHARs without trailing blanks
      }
    },
  },
  {
    breaks: "tokens beyond ASCII have records of their own",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replaceAll(/[\u{10000}-\u{10ffff}]/gu, "?"); // the utf8 of MySQL, up to three bytes
      }
    },
  },
  {
    breaks: "tokens that differ only in case have records of their own",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
      }
    },
  },
  {
    breaks: "tokens that differ only in their Unicode normal form have records of their own",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.normalize("NFC");
      }
    },
  },
  {
    breaks: "tokens of 1 and of 255 bytes have records of their own",
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.slice(0, 254);
      }
    },
  },
  {
    breaks: "find returns undefined for a malformed token, whatever is stored",
    Store: class extends ReferenceStore {
      override find(token: string) {
        return super.find(String(token));
      }
    },
  },
  {
    breaks: "delete of a malformed token does nothing",
    Store: class extends ReferenceStore {
      override delete(token: string) {
        return super.delete(String(token));
      }
    },
  },
  {
    breaks: "commit of a malformed token rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return super.commit(typeof token === "string" ? token.toWellFormed() : token, data, expiry);
      }
    },
  },
  {
    breaks: "commit with an invalid Date rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return super.commit(token, data, new Date(expiry));
      }
    },
  },
  {
    breaks: "commit with data other than a Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return super.commit(token, ArrayBuffer.isView(data) ? Uint8Array.from(data) : data, expiry);
      }
    },
  },
  {
    breaks: "no error contains a token or session data",
    Store: class extends ReferenceStore {
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        if (expiry instanceof Date && Number.isNaN(expiry.getTime())) {
          throw new StoreError("INVALID_ARGUMENT", `the session ${token} has no valid expiry`);
        }
        return super.commit(token, data, expiry);
      }
    },
  },
  {
    breaks: "commits of one token take effect in call order, awaited or not",
    Store: class extends ReferenceStore {
      readonly #queued = new Map<string, number>();
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        const queued = this.#queued.get(token) ?? 0;
        if (queued >= 32) return; // the queue is full
        this.#queued.set(token, queued + 1);
        await super.commit(token, data, expiry).finally(() => this.#queued.delete(token));
      }
    },
  },
  {
    breaks: "find sees an earlier commit of its token that was not awaited",
    Store: class extends ReferenceStore {
      readonly #overwritten = new Map<string, Item>();
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        const item = smallOnly(this.live(token));
        if (item) this.#overwritten.set(token, item);
        await super.commit(token, data, expiry).finally(() => this.#overwritten.delete(token));
      }
      override find(token: string) {
        const overwritten = this.#overwritten.get(token);
        return overwritten ? this.operate(() => this.record(overwritten)) : super.find(token);
      }
    },
  },
  {
    breaks: "find does not see a later commit of its token",
    Store: class extends ReferenceStore {
      override async find(token: string) {
        const record = await super.find(token);
        const item = smallOnly(this.live(token));
        return record && item ? this.record(item) : record;
      }
    },
  },
  {
    breaks: "commit and delete of one token take effect in call order, awaited or not",
    Store: class extends ReferenceStore {
      readonly #deleting = new Map<string, Item>();
      override async delete(token: string) {
        const item = smallOnly(this.live(token));
        if (item) this.#deleting.set(token, item);
        await super.delete(token).finally(() => this.#deleting.delete(token));
      }
      override find(token: string) {
        const deleting = this.#deleting.get(token);
        return deleting ? this.operate(() => this.record(deleting)) : super.find(token);
      }
    },
  },
  {
    breaks: "hundreds of concurrent finds each return their own record",
    Store: class extends ReferenceStore {
      readonly #finding: string[] = [];
      override async find(token: string) {
        const [first] = this.#finding;
        const count = this.#finding.push(token);
        const found = super.find(first !== undefined && count > 256 ? first : token); // request numbers of one byte
        await found.finally(() => this.#finding.pop());
        return found;
      }
    },
  },
  {
    breaks: "a rejected call does not fail the calls made with it",
    Store: class extends ReferenceStore {
      #refused: StoreError | undefined;
      override async commit(token: string, data: Uint8Array, expiry: Date) {
        if (this.#refused) throw this.#refused; // the batch fails as a whole
        const committed = super.commit(token, data, expiry);
        if (isToken(token)) return committed;
        this.#refused = new StoreError("INVALID_ARGUMENT", "the batch was refused");
        queueMicrotask(() => {
          this.#refused = undefined;
        });
        return committed;
      }
    },
  },
  {
    breaks: "find sees the commits and deletes of another client at once",
    Store: class extends ReferenceStore {
      readonly #cache = new Map<string, Item>();
      override put(item: Item) {
        super.put(item);
        if (isSmall(item.data)) this.#cache.set(item.token, item);
        else this.#cache.delete(item.token);
      }
      override remove(token: string) {
        super.remove(token);
        this.#cache.delete(token);
      }
      override find(token: string) {
        const cached = this.#cache.get(token);
        return cached && this.isLive(cached) ? this.operate(() => this.record(cached)) : super.find(token);
      }
      override replace(...[token, ...call]: ReplaceArguments) {
        this.#cache.delete(token); // otherwise a loop over replace would never end
        return super.replace(token, ...call);
      }
    },
  },
  {
    breaks: "interleaved finds, commits and deletes of several clients are linearizable",
    also: [
      "interleaved replaces of several clients are linearizable",
      "interleaved touches of several clients are linearizable",
      "interleaved calls of every kind, including cleanups, are linearizable",
    ],
    Store: class extends ReferenceStore {
      readonly #cache = new Map<string, Item>();
      override put(item: Item) {
        super.put(item);
        if (isSmall(item.data)) this.#cache.delete(item.token);
        else this.#cache.set(item.token, item);
      }
      override remove(token: string) {
        super.remove(token);
        this.#cache.delete(token);
      }
      override find(token: string) {
        const cached = this.#cache.get(token);
        return cached && this.isLive(cached) ? this.operate(() => this.record(cached)) : super.find(token);
      }
    },
  },
];
