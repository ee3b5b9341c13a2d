import type { IterableStore } from "@scs/core";

/** Returns the content of a store in readable form: data and expiry by token. */
export async function stateOf(store: IterableStore): Promise<Map<string, string>> {
  const state = new Map<string, string>();
  for await (const { token, data, expiry } of store.entries()) {
    if (state.has(token)) throw new Error(`entries gives ${token} twice`);
    state.set(token, show(data, expiry));
  }
  return state;
}

export const show = (data: Uint8Array, expiry: Date): string =>
  `${Buffer.from(data).toString()} until ${expiry.getTime()}`;
