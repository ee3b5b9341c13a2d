export { MemStore, type MemStoreOptions } from "./memstore.js";
