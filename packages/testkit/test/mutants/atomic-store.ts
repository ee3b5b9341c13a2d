import { assertExpiry, StoreError } from "@scs/core";
import { isSmall, type Mutant, type ReplaceArguments, smallOnly } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

export const atomicStoreMutants: readonly Mutant[] = [
  {
    breaks: "replace of undefined inserts where there is no record",
    also: [
      "replace takes empty data for data, not for absence",
      "a replace that has resolved survives a crash",
      "replace, touch, commit and delete of one token take effect in the order made, awaited or not",
      "deleteExpired never removes a record that replace inserts anew while it runs",
    ],
    Store: class extends ReferenceStore {
      override async replace(...call: ReplaceArguments) {
        const [token, previous, data] = call;
        const inserts = previous === undefined && isSmall(data) && !this.disk.records.has(token);
        const replaced = await super.replace(...call);
        if (inserts && replaced) this.remove(token); // UPDATE, which finds no row
        return replaced;
      }
    },
  },
  {
    breaks: "replace of undefined gives false where there is a live record, and writes nothing",
    also: ["replace of undefined inserts from the very instant the old record expires"],
    Store: class extends ReferenceStore {
      override async replace(...call: ReplaceArguments) {
        const [token, previous, , expiry] = call;
        const item = smallOnly(this.live(token));
        const replaced = await super.replace(...call);
        if (previous === undefined && item) this.put({ ...item, expiry: expiry.getTime() }); // ON CONFLICT DO UPDATE
        return replaced;
      }
    },
  },
  {
    breaks: "replace of the data that is there writes data and expiry",
    Store: class extends ReferenceStore {
      override async replace(...[token, previous, data, expiry]: ReplaceArguments) {
        const item = smallOnly(this.live(token));
        const unchanged = item && isSmall(previous) && isSmall(data) && this.same(previous, data);
        return super.replace(token, previous, data, unchanged ? new Date(item.expiry) : expiry);
      }
    },
  },
  {
    breaks: "replace of other data gives false, and writes nothing",
    also: ["replace and commit of one token take effect in the order made, awaited or not"],
    Store: class extends ReferenceStore {
      override async replace(...call: ReplaceArguments) {
        const [token, previous, data] = call;
        const unchanged =
          isSmall(previous) && isSmall(data) && this.same(previous, data) && smallOnly(this.live(token));
        return (await super.replace(...call)) || Boolean(unchanged); // nothing to write, nothing to compare
      }
    },
  },
  {
    breaks: "replace compares all bytes and the length",
    Store: class extends ReferenceStore {
      override same(data?: Uint8Array, previous?: Uint8Array) {
        return super.same(data?.subarray(0, 256), previous?.subarray(0, 256));
      }
    },
  },
  {
    breaks: "replace of data gives false where there is no record, and writes nothing",
    Store: class extends ReferenceStore {
      readonly #known = new Set<string>();
      override put(item: Item) {
        this.#known.add(item.token);
        super.put(item);
      }
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        const upserts =
          isSmall(previous) &&
          previous.length > 0 &&
          !this.#known.has(token) &&
          !this.disk.records.has(token);
        return super.replace(token, upserts ? undefined : previous, ...written);
      }
    },
  },
  {
    breaks: "replace takes empty data for data, not for absence",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        return super.replace(token, previous?.length === 0 ? undefined : previous, ...written); // `if (!previous.length)`
      }
    },
  },
  {
    breaks: "replace never brings back a session that was deleted",
    Store: class extends ReferenceStore {
      readonly #deleted = new Map<string, Item>();
      override async delete(token: string) {
        const item = smallOnly(this.live(token));
        await super.delete(token);
        if (item && !this.live(token)) this.#deleted.set(token, item); // a soft delete
      }
      override replace(...call: ReplaceArguments) {
        const deleted = this.#deleted.get(call[0]);
        if (deleted && !this.live(call[0])) this.put(deleted);
        return super.replace(...call);
      }
    },
  },
  {
    breaks: "replace that is made after delete, neither awaited, never brings the session back",
    also: ["replace, touch, commit and delete of one token take effect in the order made, awaited or not"],
    Store: class extends ReferenceStore {
      readonly #deleting = new Map<string, Item>();
      override async delete(token: string) {
        const item = smallOnly(this.live(token));
        if (item) this.#deleting.set(token, item);
        await super.delete(token).finally(() => this.#deleting.delete(token));
      }
      override replace(...call: ReplaceArguments) {
        const deleting = this.#deleting.get(call[0]);
        if (deleting) this.put(deleting); // does not look at the deletes that are queued
        return super.replace(...call);
      }
    },
  },
  {
    breaks: "of a log-out and late writes racing from two clients, the log-out always wins",
    Store: class extends ReferenceStore {
      readonly #deleted = new Set<string>();
      override remove(token: string) {
        this.#deleted.add(token);
        super.remove(token);
      }
      override async replace(...call: ReplaceArguments) {
        const [token, , data, expiry] = call;
        const replaced = await super.replace(...call);
        const lost = replaced && isSmall(data) && !this.disk.records.has(token) && !this.#deleted.has(token);
        if (lost) this.write(token, data, expiry); // compares, and then writes in a step of its own
        return replaced;
      }
    },
  },
  {
    breaks: "replace of the data of a record gives false from the very instant it expires",
    also: ["replace with an expiry that has passed leaves no live record"],
    Store: class extends ReferenceStore {
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        const item = smallOnly(this.disk.records.get(token));
        const ended =
          item && item.expiry === this.now() && isSmall(previous) && this.same(item.data, previous);
        return super.replace(token, ended ? undefined : previous, ...written); // now <= expiry
      }
    },
  },
  {
    breaks: "replace of undefined inserts from the very instant the old record expires",
    also: ["replace with an expiry that has passed leaves no live record"],
    Store: class extends ReferenceStore {
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        const item = smallOnly(this.disk.records.get(token));
        const ended = item && item.expiry === this.now() && previous === undefined;
        return super.replace(token, ended ? item.data : previous, ...written); // the key is taken
      }
    },
  },
  {
    breaks: "replace with an expiry that has passed leaves no live record",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, data, expiry]: ReplaceArguments) {
        const ended = isSmall(data) && Number(expiry) === this.now();
        return super.replace(token, previous, data, ended ? new Date(this.now() + 1) : expiry); // a lifetime of at least 1 ms
      }
    },
  },
  {
    breaks: "replace of a malformed token gives false",
    Store: class extends ReferenceStore {
      override replace(...[token, ...call]: ReplaceArguments) {
        return super.replace(typeof token === "string" ? token.toWellFormed() : token, ...call);
      }
    },
  },
  {
    breaks: "replace with an invalid Date rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, data, expiry]: ReplaceArguments) {
        return super.replace(token, previous, data, new Date(expiry));
      }
    },
  },
  {
    breaks: "replace with data that is no Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, data, expiry]: ReplaceArguments) {
        const given: unknown = data;
        return super.replace(
          token,
          previous,
          given instanceof ArrayBuffer ? new Uint8Array(given) : data,
          expiry,
        );
      }
    },
  },
  {
    breaks: "replace of a previous that is neither undefined nor a Uint8Array rejects with INVALID_ARGUMENT",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        return super.replace(token, previous ?? undefined, ...written);
      }
    },
  },
  {
    breaks: "no error of replace carries a token or session data",
    Store: class extends ReferenceStore {
      override async replace(...call: ReplaceArguments) {
        try {
          assertExpiry(call[3]);
        } catch (cause) {
          throw new StoreError("INVALID_ARGUMENT", "the parameters were refused", {
            cause: { cause, parameters: call },
          });
        }
        return super.replace(...call);
      }
    },
  },
  {
    breaks: "changing the arrays and the Date given to replace changes nothing, even while it is under way",
    Store: class extends ReferenceStore {
      override async replace(...call: ReplaceArguments) {
        const [token, , data] = call;
        const replacing = super.replace(...call);
        const item = this.live(token);
        const replaced = await replacing;
        if (replaced && item !== undefined && this.live(token) === item)
          this.put({ ...item, data: data.slice() });
        return replaced;
      }
    },
  },
  {
    breaks: "replace and commit of one token take effect in the order made, awaited or not",
    Store: class extends ReferenceStore {
      readonly #committing = new Set<string>();
      override async commit(...call: Parameters<ReferenceStore["commit"]>) {
        const [token, data] = call;
        if (isSmall(data)) this.#committing.add(token);
        await super.commit(...call).finally(() => this.#committing.delete(token));
      }
      override async replace(...call: ReplaceArguments) {
        return !this.#committing.has(call[0]) && super.replace(...call); // locked
      }
    },
  },
  {
    breaks: "of many replaces of the same data at once, from two clients, exactly one writes",
    Store: class extends ReferenceStore {
      #underWay = 0;
      override async replace(...[token, previous, ...written]: ReplaceArguments) {
        const trusts = ++this.#underWay > 10 && isSmall(previous); // compares once for the whole batch
        const replaced = super.replace(token, trusts ? this.live(token)?.data : previous, ...written);
        return replaced.finally(() => this.#underWay--);
      }
    },
  },
  {
    breaks: "of many inserts by replace at once, from two clients, exactly one writes",
    Store: class extends ReferenceStore {
      readonly #inserting = new Map<string, number>();
      override async replace(...[token, previous, ...written]: ReplaceArguments) {
        if (previous !== undefined) return super.replace(token, previous, ...written);
        const count = (this.#inserting.get(token) ?? 0) + 1;
        this.#inserting.set(token, count);
        const replaced = super.replace(token, count > 20 ? this.live(token)?.data : previous, ...written);
        return replaced.finally(() => this.#inserting.delete(token));
      }
    },
  },
  {
    breaks: "of 1,000 increments of one counter by replace, from two clients, none is lost",
    Store: class extends ReferenceStore {
      override same(data?: Uint8Array, previous?: Uint8Array) {
        const hashed = isSmall(data) && data?.length === previous?.length; // a hash of 16 bits
        return hashed
          ? super.same(data?.subarray(0, 2), previous?.subarray(0, 2))
          : super.same(data, previous);
      }
    },
  },
  {
    breaks: "interleaved replaces of several clients have an order that explains every answer",
    also: ["interleaved calls of every kind, cleanups among them, have an order that explains every answer"],
    Store: class extends ReferenceStore {
      override same(data?: Uint8Array, previous?: Uint8Array) {
        const { length = 0 } = data ?? {};
        const shortened = length > 3 && length < 256 && length === previous?.length;
        return shortened
          ? super.same(data?.subarray(0, -1), previous.subarray(0, -1))
          : super.same(data, previous);
      }
    },
  },
];
