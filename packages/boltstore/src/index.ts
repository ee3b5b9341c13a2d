export { BoltStore, type BoltStoreOptions, type LmdbRootDatabase } from "./boltstore.js";
export { openBoltStore } from "./open.js";
