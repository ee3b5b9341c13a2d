export { PgStore, type PgStoreOptions } from "./pgstore.js";
export type { PgClient, PgPool, PgQuery, PgResult } from "./pool.js";
export type { CreateTableOptions } from "./table-creation.js";
