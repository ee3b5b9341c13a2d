/**
 * - `prepare`: reads both stores; writes records to the old store unless they are already in the new one.
 * - `move`: moves each record to the new store when it is used.
 * - `finish`: like `move`, but writes new records directly to the new store.
 *
 * Processes of two consecutive stages may run side by side. The order is: the plain old store, `prepare`, `move`, `finish`,
 * the plain new store.
 */
export type MigrationStage = "prepare" | "move" | "finish";
