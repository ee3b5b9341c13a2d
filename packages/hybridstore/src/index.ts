export type { HybridStore, HybridStoreOptions } from "./hybridstore.js";
export { openHybridStore } from "./open.js";
