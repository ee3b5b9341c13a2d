import { assertExpiry, StoreError } from "@scs/core";
import { isSmall, type Mutant, type ReplaceArguments, smallOnly } from "../mutant.js";
import { type Item, ReferenceStore } from "../reference-store.js";

export const atomicStoreMutants: readonly Mutant[] = [
  {
    breaks: "replace with previous undefined inserts a missing record",
    also: [
      "replace treats empty data as data, not as absence",
      "a resolved replace survives a crash",
      "replace, touch, commit and delete of one token take effect in call order, awaited or not",
      "deleteExpired never removes a record that replace inserts meanwhile",
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
    breaks: "replace with previous undefined returns false for a live record, and writes nothing",
    also: ["replace with previous undefined inserts from the instant of expiry of the old record"],
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
    breaks: "replace with the stored data as previous writes data and expiry",
    Store: class extends ReferenceStore {
      override async replace(...[token, previous, data, expiry]: ReplaceArguments) {
        const item = smallOnly(this.live(token));
        const unchanged = item && isSmall(previous) && isSmall(data) && this.same(previous, data);
        return super.replace(token, previous, data, unchanged ? new Date(item.expiry) : expiry);
      }
    },
  },
  {
    breaks: "replace with other data as previous returns false, and writes nothing",
    also: ["replace and commit of one token take effect in call order, awaited or not"],
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
    breaks: "replace with data as previous returns false for a missing record, and writes nothing",
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
    breaks: "replace treats empty data as data, not as absence",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        return super.replace(token, previous?.length === 0 ? undefined : previous, ...written); // `if (!previous.length)`
      }
    },
  },
  {
    breaks: "replace never brings back a deleted session",
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
    breaks: "replace called after delete, neither awaited, never brings the session back",
    also: ["replace, touch, commit and delete of one token take effect in call order, awaited or not"],
    Store: class extends ReferenceStore {
      readonly #deleting = new Map<string, Item>();
      override async delete(token: string) {
        const item = smallOnly(this.live(token));
        if (item) this.#deleting.set(token, item);
        await super.delete(token).finally(() => this.#deleting.delete(token));
      }
      override replace(...call: ReplaceArguments) {
        const deleting = this.#deleting.get(call[0]);
        if (deleting) this.put(deleting); // overlooks queued deletes
        return super.replace(...call);
      }
    },
  },
  {
    breaks: "delete always wins over late replaces from two clients",
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
        if (lost) this.write(token, data, expiry); // compares and writes in two steps
        return replaced;
      }
    },
  },
  {
    breaks: "replace with data as previous returns false from the instant of expiry",
    also: ["replace with a past expiry leaves no live record"],
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
    breaks: "replace with previous undefined inserts from the instant of expiry of the old record",
    also: ["replace with a past expiry leaves no live record"],
    Store: class extends ReferenceStore {
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        const item = smallOnly(this.disk.records.get(token));
        const ended = item && item.expiry === this.now() && previous === undefined;
        return super.replace(token, ended ? item.data : previous, ...written); // treats the expired record as live
      }
    },
  },
  {
    breaks: "replace with a past expiry leaves no live record",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, data, expiry]: ReplaceArguments) {
        const ended = isSmall(data) && Number(expiry) === this.now();
        return super.replace(token, previous, data, ended ? new Date(this.now() + 1) : expiry); // a lifetime of at least 1 ms
      }
    },
  },
  {
    breaks: "replace returns false for a malformed token",
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
    breaks: "replace with data other than a Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
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
    breaks:
      "replace with a previous other than undefined or a Uint8Array rejects with INVALID_ARGUMENT and changes nothing",
    Store: class extends ReferenceStore {
      override replace(...[token, previous, ...written]: ReplaceArguments) {
        return super.replace(token, previous ?? undefined, ...written);
      }
    },
  },
  {
    breaks: "no error of replace contains a token or session data",
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
    breaks: "changing the arguments of replace changes no record, even while the call is in flight",
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
    breaks: "replace and commit of one token take effect in call order, awaited or not",
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
    breaks: "exactly one of many concurrent replaces with the same previous, from two clients, writes",
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
    breaks: "exactly one of many concurrent inserts by replace, from two clients, writes",
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
    breaks: "replace loses none of 1,000 increments of one counter from two clients",
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
    breaks: "interleaved replaces of several clients are linearizable",
    also: ["interleaved calls of every kind, including cleanups, are linearizable"],
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
