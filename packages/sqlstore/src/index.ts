export type { SqliteDatabase } from "./drivers/sqlite-database.js";
export type { Sqlite3Database } from "./drivers/sqlite3-handle.js";
export type { SyncDatabase } from "./drivers/sync-handle.js";
export { type OpenSqlStoreOptions, openSqlStore } from "./open.js";
export { SqlStore, type SqlStoreOptions } from "./sqlstore.js";
