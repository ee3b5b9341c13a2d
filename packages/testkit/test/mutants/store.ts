import { isToken, type SessionRecord, StoreError } from "@scs/core";
import { isSmall, type Mutant, type ReplaceArguments, smallOnly } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

const listings = [
  "entries and all give every token exactly as it was committed",
  "every well-formed token survives a crash as it is",
];

/** `token LIKE pattern` of SQL. */
function isLike(token: string, pattern: string): boolean {
  const wildcards: Record<string, string> = { "%": ".*", _: "." };
  const parts = [...pattern].map((char) => wildcards[char] ?? `\\u{${char.codePointAt(0)?.toString(16)}}`);
  return RegExp(`^${parts.join("")}$`, "su").test(token);
}

export const storeMutants: readonly Mutant[] = [
  {
    breaks: "find gives undefined for a token that is unknown",
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
    breaks: "find gives the data that was committed",
    also: [
      "an expiry a century away is kept to the millisecond",
      "commit changes no record but its own",
      "changing an array that find gave changes no record",
      "each find gives an array of its own",
      "changing the Date that find gave changes no record",
      "replace of the data that is there writes data and expiry",
      "of 1,000 increments of one counter by replace, from two clients, none is lost",
      "changing what all gave changes no record",
    ],
    Store: class extends ReferenceStore {
      override find(token: string) {
        const found = super.find(token);
        const item = smallOnly(this.live(token));
        if (item) this.put({ ...item, data: new Uint8Array(0) }); // hands its buffer over, and keeps none
        return found;
      }
    },
  },
  {
    breaks: "find gives the expiry that was committed, to the millisecond",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const lifetime = Number(expiry) - this.now();
        return super.commit(token, data, lifetime > 0 && lifetime < 10 ? new Date(this.now() + 10) : expiry);
      }
    },
  },
  {
    breaks: "an expiry a century away is kept to the millisecond",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data, new Date(Math.min(expiry.getTime(), 2 ** 32 * 1000))); // seconds in 32 bits
      }
    },
  },
  {
    breaks: "commit overwrites the data of a live record",
    also: [
      "of a view on a larger buffer only its own bytes are kept",
      "find sees a commit of its token that was made before and not awaited",
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
    also: ["touch, commit and delete of one token take effect in the order made, awaited or not"],
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const item = smallOnly(this.live(token));
        const shortens = item && isSmall(data) && this.same(item.data, data) && Number(expiry) > this.now();
        return super.commit(token, data, shortens ? new Date(Math.max(item.expiry, Number(expiry))) : expiry);
      }
    },
  },
  {
    breaks: "commit changes no record but its own",
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
      "commit and delete of one token take effect in the order made, awaited or not",
      "what one client commits or deletes, the other finds so at once",
      "of a log-out and late writes racing from two clients, the log-out always wins",
      "of a log-out and touches racing from two clients, the log-out always wins",
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
        return this.operate(() => this.record(written)); // a cache of the last write, which delete forgets
      }
    },
  },
  {
    breaks: "delete of what is not there succeeds",
    also: [
      "commit and delete of one token take effect in the order made, awaited or not",
      "interleaved replaces of several clients have an order that explains every answer",
      "interleaved touches of several clients have an order that explains every answer",
      "interleaved calls of every kind, cleanups among them, have an order that explains every answer",
      "interleaved finds, commits and deletes of several clients have an order that explains every answer",
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
    breaks: "delete removes no record but its own",
    Store: class extends ReferenceStore {
      override remove(token: string) {
        super.remove(token);
        for (const item of [...this.disk.records.values()]) {
          if (smallOnly(this.live(item.token)) && token.startsWith(item.token)) super.remove(item.token); // LIKE, the wrong way round
        }
      }
    },
  },
  {
    breaks: "a token can be committed again after delete",
    also: [
      "touch, commit and delete of one token take effect in the order made, awaited or not",
      "replace, touch, commit and delete of one token take effect in the order made, awaited or not",
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
      "find gives the expiry that was committed, to the millisecond",
      "a record lives as long as touch said, and no longer",
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
    breaks: "a record is gone at the very instant it expires",
    also: [
      "commit with the present instant as the expiry leaves no live record",
      "replace of the data of a record gives false from the very instant it expires",
      "replace with an expiry that has passed leaves no live record",
      "a record lives as long as touch said, and no longer",
      "touch gives false from the very instant a record expires, and never brings it back",
      "touch with an expiry that has passed ends the record",
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
    also: ["touch with an expiry that has passed ends the record"],
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
    breaks: "commit with an expiry that has passed leaves no live record",
    Store: class extends ReferenceStore {
      override isLive(item: Item) {
        return item.expiry === 0 || super.isLive(item); // 0 for a session that never expires
      }
    },
  },
  {
    breaks: "commit with the present instant as the expiry leaves no live record",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        const now = isSmall(data) && Number(expiry) === this.now();
        return super.commit(token, data, now ? new Date(this.now() + 1) : expiry); // a lifetime of at least 1 ms
      }
    },
  },
  {
    breaks: "commit with an expiry that has passed ends the record that was live",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        if (expiry.getTime() >= this.now()) super.write(token, data, expiry); // nothing to keep, nothing to do
      }
    },
  },
  {
    breaks: "changing an array after commit changes no record",
    also: [
      "changing an array while commit is under way changes no record",
      "changing the arrays and the Date given to replace changes nothing, even while it is under way",
    ],
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        this.put({ token, data, expiry: expiry.getTime() });
      }
    },
  },
  {
    breaks: "changing an array while commit is under way changes no record",
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
    breaks: "changing an array that find gave changes no record",
    also: ["each find gives an array of its own"],
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
    breaks: "each find gives an array of its own",
    Store: class extends ReferenceStore {
      readonly #finding = new Map<Item | undefined, Promise<SessionRecord | undefined>>();
      override async find(token: string) {
        const item = this.live(token);
        const finding = (item && this.#finding.get(item)) ?? super.find(token); // one read for all that wait for it
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
    breaks: "changing the Date that find gave changes no record",
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
    breaks: "of a view on a larger buffer only its own bytes are kept",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return super.commit(token, data instanceof Uint8Array ? new Uint8Array(data.buffer) : data, expiry);
      }
    },
  },
  {
    breaks: "empty data is data",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return data?.length === 0 ? super.delete(token) : super.commit(token, data, expiry);
      }
    },
  },
  {
    breaks: "data of 1 MiB is kept whole",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data.subarray(0, 65_535), expiry); // a BLOB of MySQL
      }
    },
  },
  {
    breaks: "every value of a byte is kept, in every place",
    Store: class extends ReferenceStore {
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data.subarray(0, data.findLastIndex((byte) => byte !== 0) + 1), expiry); // BINARY pads with 0
      }
    },
  },
  {
    breaks: "tokens that look like paths are only names",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replaceAll(/[\\/:]/g, "-");
      }
    },
  },
  {
    breaks: "tokens with quotes and placeholders are only names",
    Store: class extends ReferenceStore {
      override remove(token: string) {
        for (const item of [...this.disk.records.values()])
          if (isLike(item.token, token)) super.remove(item.token);
      }
    },
  },
  {
    breaks: "tokens that name properties of objects are only names",
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
    breaks: "tokens that differ only in white space or control characters are different",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replace(/ +$/, ""); // SQL compares CHARs without trailing blanks
      }
    },
  },
  {
    breaks: "tokens beyond ASCII are kept apart",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replaceAll(/[\u{10000}-\u{10ffff}]/gu, "?"); // the utf8 of MySQL, up to three bytes
      }
    },
  },
  {
    breaks: "tokens that differ only in case are different",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
      }
    },
  },
  {
    breaks: "tokens that differ only in their Unicode normal form are different",
    also: listings,
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.normalize("NFC");
      }
    },
  },
  {
    breaks: "tokens of 1 and of 255 bytes are tokens",
    Store: class extends ReferenceStore {
      override key(token: string) {
        return token.slice(0, 254);
      }
    },
  },
  {
    breaks: "find gives undefined for a malformed token, whatever is stored",
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
    breaks: "commit of data that is no Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override commit(token: string, data: Uint8Array, expiry: Date) {
        return super.commit(token, ArrayBuffer.isView(data) ? Uint8Array.from(data) : data, expiry);
      }
    },
  },
  {
    breaks: "no error carries a token or session data",
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
    breaks: "commits of one token take effect in the order made, awaited or not",
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
    breaks: "find sees a commit of its token that was made before and not awaited",
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
    breaks: "find does not see a commit of its token that was made after",
    Store: class extends ReferenceStore {
      override async find(token: string) {
        const record = await super.find(token);
        const item = smallOnly(this.live(token));
        return record && item ? this.record(item) : record;
      }
    },
  },
  {
    breaks: "commit and delete of one token take effect in the order made, awaited or not",
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
    breaks: "hundreds of calls at once are each answered with their own record",
    Store: class extends ReferenceStore {
      readonly #finding: string[] = [];
      override async find(token: string) {
        const [first] = this.#finding;
        const count = this.#finding.push(token);
        const found = super.find(first !== undefined && count > 256 ? first : token); // one byte for a request's number
        await found.finally(() => this.#finding.pop());
        return found;
      }
    },
  },
  {
    breaks: "a call that is refused fails alone, not those made with it",
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
    breaks: "what one client commits or deletes, the other finds so at once",
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
        this.#cache.delete(token); // else a loop over replace would never end
        return super.replace(token, ...call);
      }
    },
  },
  {
    breaks:
      "interleaved finds, commits and deletes of several clients have an order that explains every answer",
    also: [
      "interleaved replaces of several clients have an order that explains every answer",
      "interleaved touches of several clients have an order that explains every answer",
      "interleaved calls of every kind, cleanups among them, have an order that explains every answer",
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
