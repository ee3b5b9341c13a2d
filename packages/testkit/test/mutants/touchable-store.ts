import { isToken, StoreError } from "@scs/core";
import { type Mutant, smallOnly } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

export const touchableStoreMutants: readonly Mutant[] = [
  {
    breaks: "touch moves the expiry of a live record, later and earlier",
    also: ["deleteExpired goes by the expiry that touch and replace have set"],
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        const item = smallOnly(this.live(token));
        const sooner = item && Number(expiry) > this.now() && Number(expiry) < item.expiry;
        return super.touch(token, sooner ? new Date(item.expiry) : expiry); // GREATEST(old, new)
      }
    },
  },
  {
    breaks: "a record lives as long as touch said, and no longer",
    Store: class extends ReferenceStore {
      readonly #indexed = new Map<string, number>();
      override write(token: string, data: Uint8Array, expiry: Date) {
        super.write(token, data, expiry);
        this.#indexed.set(token, expiry.getTime());
      }
      override async find(token: string) {
        const late = this.now() >= Number(this.#indexed.get(token)) + 500; // an index that touch forgets
        const record = await super.find(token);
        return late && smallOnly(this.live(token)) ? undefined : record;
      }
    },
  },
  {
    breaks: "touch leaves the data as it is",
    also: [
      "a record lives as long as touch said, and no longer",
      "changing the Date given to touch changes no record, even while it is under way",
      "touch, commit and delete of one token take effect in the order made, awaited or not",
      "a touch that has resolved survives a crash",
      "replace ignores touches: only data counts",
      "replace, touch, commit and delete of one token take effect in the order made, awaited or not",
      "deleteExpired goes by the expiry that touch and replace have set",
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
    breaks: "touch changes no record but its own",
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
    breaks: "touch gives false for a token that is unknown, and makes no record",
    also: [
      "interleaved touches of several clients have an order that explains every answer",
      "interleaved calls of every kind, cleanups among them, have an order that explains every answer",
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
    breaks: "touch never brings back a session that was deleted",
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
    breaks: "touch gives false from the very instant a record expires, and never brings it back",
    also: ["touch with an expiry that has passed ends the record"],
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        const item = smallOnly(this.disk.records.get(token));
        if (item?.expiry === this.now()) this.put({ ...item, expiry: this.now() + 1 }); // now <= expiry
        return super.touch(token, expiry);
      }
    },
  },
  {
    breaks: "touch with an expiry that has passed ends the record",
    Store: class extends ReferenceStore {
      override touch(token: string, expiry: Date) {
        const item = this.live(token);
        const passed = expiry instanceof Date && expiry.getTime() < this.now();
        return super.touch(token, item && passed ? new Date(item.expiry) : expiry); // takes it for a mistake
      }
    },
  },
  {
    breaks: "touch of a malformed token gives false",
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
    breaks: "no error of touch carries a token",
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
    breaks: "changing the Date given to touch changes no record, even while it is under way",
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
    breaks: "touch, commit and delete of one token take effect in the order made, awaited or not",
    Store: class extends ReferenceStore {
      override async touch(token: string, expiry: Date) {
        const ms = Number(expiry);
        const touched = await super.touch(token, expiry);
        const item = smallOnly(this.live(token));
        if (touched && item) this.put({ ...item, expiry: ms }); // written once more, behind a commit
        return touched;
      }
    },
  },
  {
    breaks: "of a log-out and touches racing from two clients, the log-out always wins",
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
    breaks: "interleaved touches of several clients have an order that explains every answer",
    also: ["interleaved calls of every kind, cleanups among them, have an order that explains every answer"],
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
