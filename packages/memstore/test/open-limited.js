import { MemStore } from "@scs/memstore";

/** @type {import("@scs/testkit").Open<MemStore>} */
export const open = (options) => new MemStore({ ...options, maxSessions: 10_000, maxBytes: 2 ** 24 });
