export type { HybridStore } from "./hybridstore.js";
export { type HybridStoreOptions, openHybridStore } from "./open-hybridstore.js";
