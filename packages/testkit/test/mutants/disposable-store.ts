import { setImmediate } from "node:timers/promises";
import { isToken, StoreError } from "@scs/core";
import type { Mutant } from "../mutant.js";
import { ReferenceStore } from "../reference-store.js";

export const disposableStoreMutants: readonly Mutant[] = [
  {
    breaks: "after disposal find, commit and delete reject with CLOSED",
    Store: class extends ReferenceStore {
      override async delete(token: string) {
        await super.delete(token).catch((error) => {
          if (isToken(token)) return; // what is closed holds nothing
          throw error;
        });
      }
    },
  },
  {
    breaks: "after disposal a call with a malformed token rejects with CLOSED, too",
    Store: class extends ReferenceStore {
      override async find(token: string) {
        return isToken(token) ? super.find(token) : undefined;
      }
    },
  },
  {
    breaks: "a call that is made once disposal has begun rejects with CLOSED",
    Store: class extends ReferenceStore {
      override async [Symbol.asyncDispose]() {
        await this.latency(); // closes the store when all else is done
        await super[Symbol.asyncDispose]();
      }
    },
  },
  {
    breaks: "disposal waits for the writes under way, and lets them succeed",
    Store: class extends ReferenceStore {
      override async [Symbol.asyncDispose]() {
        void super[Symbol.asyncDispose]();
      }
      protected override async latency() {
        for (let turn = 0; turn < 3; turn++) await setImmediate();
      }
    },
  },
  {
    breaks: "a store may be disposed of again, and at once",
    Store: class extends ReferenceStore {
      #disposing = false;
      override async [Symbol.asyncDispose]() {
        if (this.#disposing) throw new StoreError("CLOSED", "the store is being disposed of");
        this.#disposing = true;
        await super[Symbol.asyncDispose]();
        this.#disposing = false;
      }
    },
  },
];
