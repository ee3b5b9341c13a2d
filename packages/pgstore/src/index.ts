export type { PgClient, PgPool, PgQuery, PgResult } from "./connection/pool.js";
export { PgStore, type PgStoreOptions } from "./pgstore.js";
export type { CreateTableOptions } from "./table-creation.js";
