/**
 * - `prepare`: finds records in both stores, writes into the old one what is not in the new one yet.
 * - `move`: takes each record along into the new store when it is used.
 * - `finish`: as `move`, but writes new records into the new store at once.
 *
 * Processes of two stages that follow one another may run side by side: the plain old store, `prepare`, `move`,
 * `finish`, the plain new store.
 */
export type MigrationStage = "prepare" | "move" | "finish";
