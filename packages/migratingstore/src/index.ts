export {
  type MigratingOptions,
  MigratingStore,
  type MovableStore,
  migrating,
} from "./migrating-store.js";
export type { MigrationStage } from "./migration-stage.js";
