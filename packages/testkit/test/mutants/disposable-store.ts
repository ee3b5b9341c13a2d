import { setImmediate } from "node:timers/promises";
import { isToken, StoreError } from "@scs/core";
import type { Mutant } from "../mutant.js";
import { ReferenceStore } from "../reference-store.js";

export const disposableStoreMutants: readonly Mutant[] = [
  {
    breaks: "find, commit and delete reject with CLOSED after disposal",
    Store: class extends ReferenceStore {
      override async delete(token: string) {
        await super.delete(token).catch((error) => {
          if (isToken(token)) return; // treats a closed store as empty
          throw error;
        });
      }
    },
  },
  {
    breaks: "a call with a malformed token rejects with CLOSED after disposal",
    Store: class extends ReferenceStore {
      override async find(token: string) {
        return isToken(token) ? super.find(token) : undefined;
      }
    },
  },
  {
    breaks: "a call during disposal rejects with CLOSED",
    Store: class extends ReferenceStore {
      override async [Symbol.asyncDispose]() {
        await this.latency(); // marks the store as closed only at the end
        await super[Symbol.asyncDispose]();
      }
    },
  },
  {
    breaks: "disposal waits for the writes in flight, and lets them succeed",
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
    breaks: "a store may be disposed of repeatedly and concurrently",
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
