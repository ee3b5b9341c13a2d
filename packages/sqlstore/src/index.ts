export type { SqliteDatabase } from "./drivers/sqlite-database.js";
export { type OpenSqlStoreOptions, openSqlStore } from "./open.js";
export { SqlStore, type SqlStoreOptions } from "./sqlstore.js";
