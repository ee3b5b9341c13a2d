import { MemStore } from "@scs/memstore";
import { EncryptedStore } from "@scs/session/encrypted";

const keys = [{ id: "test", key: Buffer.alloc(32, 7) }];

/** @type {import("@scs/testkit").Open<EncryptedStore>} */
export function open({ onError, ...options }, scope) {
  const store = new MemStore(options);
  scope.defer(() => store[Symbol.asyncDispose]());
  return new EncryptedStore(store, { keys, onError });
}
