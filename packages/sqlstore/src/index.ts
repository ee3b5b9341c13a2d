export type { SqliteDatabase } from "./handle.js";
export { type OpenSqlStoreOptions, openSqlStore } from "./open-sqlstore.js";
export { SqlStore, type SqlStoreOptions } from "./sqlstore.js";
