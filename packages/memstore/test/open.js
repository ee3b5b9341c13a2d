import { MemStore } from "@scs/memstore";

/** @type {import("@scs/testkit").Open<MemStore>} */
export const open = (options) => new MemStore(options);
