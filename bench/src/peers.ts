import type { Store } from "express-session";

/** A store that people use today, ready to be measured. */
export interface OpenedPeer {
  store: Pick<Store, "get" | "set" | "destroy">;
  /** Closes handles, stops timers and removes files. */
  close?: () => Promise<void>;
}

/** The peers by name, each in the configuration that its README begins with. */
export const peers: Record<string, () => Promise<OpenedPeer>> = {
  MemoryStore: async () => {
    const { default: session } = await import("express-session");
    return { store: new session.MemoryStore() };
  },
  memorystore: async () => {
    const [{ default: session }, { default: createMemoryStore }] = await Promise.all([
      import("express-session"),
      import("memorystore"),
    ]);
    return { store: new (createMemoryStore(session))({}) };
  },
};
