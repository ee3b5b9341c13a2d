import { isToken, StoreError } from "@scs/core";
import { type Mutant, smallOnly } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

export const touchableStoreMutants: readonly Mutant[] = [
  {
    breaks: "touch moves the expiry of a live record, both later and earlier",
    also: ["deleteExpired uses the expiry set by touch and replace"],
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        const item = smallOnly(this.live(token));
        const sooner = item && Number(expiry) > this.now() && Number(expiry) < item.expiry;
        return super.touch(token, sooner ? new Date(item.expiry) : expiry); // GREATEST(old, new)
      }
    },
  },
  {
    breaks: "a record lives exactly until the expiry set by touch",
    Store: class extends ReferenceStore {
      readonly #indexed = new Map<string, number>();
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data, expiry);
        this.#indexed.set(token, expiry.getTime());
      }
      override async find(token: string) {
        const late = this.now() >= Number(this.#indexed.get(token)) + 500; // an index that touch does not update
        const record = await super.find(token);
        return late && smallOnly(this.live(token)) ? undefined : record;
      }
    },
  },
  {
    breaks: "touch does not change the data",
    also: [
      "a record lives exactly until the expiry set by touch",
      "changing the Date passed to touch changes no record, even while the call is in flight",
      "touch, commit and delete of one token take effect in call order, awaited or not",
      "a resolved touch survives a crash",
      "replace compares only data, and ignores touches",
      "replace, touch, commit and delete of one token take effect in call order, awaited or not",
      "deleteExpired uses the expiry set by touch and replace",
    ],
    Store: class extends ReferenceStore {
      override async touch(token: string, expiry: Date) {
        const touched = await super.touch(token, expiry);
        const item = smallOnly(this.live(token));
        if (touched && item) this.put({ ...item, data: new Uint8Array(0) }); // SET data = excluded.data
        return touched;
      }
    },
  },
  {
    breaks: "touch changes no other record",
    Store: class extends ReferenceStore {
      override async touch(token: string, expiry: Date) {
        const touched = await super.touch(token, expiry);
        for (const item of touched ? [...this.disk.records.values()] : []) {
          const like = smallOnly(item) && item.token !== token && item.token.startsWith(token); // LIKE 'token%'
          if (like) this.put({ ...item, expiry: expiry.getTime() });
        }
        return touched;
      }
    },
  },
  {
    breaks: "touch returns false for an unknown token, and creates no record",
    also: [
      "interleaved touches of several clients are linearizable",
      "interleaved calls of every kind, including cleanups, are linearizable",
    ],
    Store: class extends ReferenceStore {
      readonly #known = new Set<string>();
      override put(item: Item) {
        this.#known.add(item.token);
        super.put(item);
      }
      override async touch(token: string, expiry: Date) {
        const touched = await super.touch(token, expiry);
        const upserts = isToken(token) && !this.#known.has(token) && !this.disk.records.has(token);
        if (upserts) this.write(token, new Uint8Array(0), expiry);
        return touched;
      }
    },
  },
  {
    breaks: "touch never brings back a deleted session",
    Store: class extends ReferenceStore {
      readonly #deleted = new Map<string, Item>();
      override async delete(token: string) {
        const item = smallOnly(this.live(token));
        await super.delete(token);
        if (item && !this.live(token)) this.#deleted.set(token, item); // a soft delete
      }
      override touch(token: string, expiry: Date) {
        const deleted = this.#deleted.get(token);
        if (deleted && !this.live(token)) this.put(deleted);
        return super.touch(token, expiry);
      }
    },
  },
  {
    breaks: "touch returns false from the instant of expiry, and never brings the record back",
    also: ["touch with a past expiry ends the record"],
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        const item = smallOnly(this.disk.records.get(token));
        if (item?.expiry === this.now()) this.put({ ...item, expiry: this.now() + 1 }); // now <= expiry
        return super.touch(token, expiry);
      }
    },
  },
  {
    breaks: "touch with a past expiry ends the record",
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        const item = this.live(token);
        const passed = expiry instanceof Date && expiry.getTime() < this.now();
        return super.touch(token, item && passed ? new Date(item.expiry) : expiry); // ignores a past expiry
      }
    },
  },
  {
    breaks: "touch returns false for a malformed token",
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        return super.touch(typeof token === "string" ? token.toWellFormed() : token, expiry);
      }
    },
  },
  {
    breaks: "touch with an invalid Date rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        return super.touch(token, new Date(expiry));
      }
    },
  },
  {
    breaks: "no error of touch contains a token",
    Store: class extends ReferenceStore {
      override async touch(token: string, expiry: Date) {
        return super.touch(token, expiry).catch((cause) => {
          throw new StoreError(
            cause.code,
            `touch of ${Buffer.from(String(token)).toString("base64")} failed`,
          );
        });
      }
    },
  },
  {
    breaks: "changing the Date passed to touch changes no record, even while the call is in flight",
    Store: class extends ReferenceStore {
      override async touch(token: string, expiry: Date) {
        const touching = super.touch(token, expiry);
        const item = this.live(token);
        const touched = await touching;
        if (item !== undefined && this.live(token) === item) this.put({ ...item, expiry: expiry.getTime() });
        return touched;
      }
    },
  },
  {
    breaks: "touch, commit and delete of one token take effect in call order, awaited or not",
    Store: class extends ReferenceStore {
      override async touch(token: string, expiry: Date) {
        const ms = Number(expiry);
        const touched = await super.touch(token, expiry);
        const item = smallOnly(this.live(token));
        if (touched && item) this.put({ ...item, expiry: ms }); // written again after a commit
        return touched;
      }
    },
  },
  {
    breaks: "delete always wins over concurrent touches from two clients",
    Store: class extends ReferenceStore {
      readonly #deleted = new Set<string>();
      override remove(token: string) {
        this.#deleted.add(token);
        super.remove(token);
      }
      override async touch(token: string, expiry: Date) {
        const item = smallOnly(this.live(token));
        const touched = await super.touch(token, expiry);
        const lost = item && !this.disk.records.has(token) && !this.#deleted.has(token);
        if (lost) this.write(token, item.data, expiry); // reads the record, and then writes it
        return touched;
      }
    },
  },
  {
    breaks: "interleaved touches of several clients are linearizable",
    also: ["interleaved calls of every kind, including cleanups, are linearizable"],
    Store: class extends ReferenceStore {
      override async touch(token: string, expiry: Date) {
        const item = this.live(token);
        const touched = await super.touch(token, expiry);
        if (touched && item && !smallOnly(item)) this.write(token, item.data, expiry); // reads the record, and then writes it
        return touched;
      }
    },
  },
];
