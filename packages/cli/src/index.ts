export { type CopyOptions, type CopyReport, copyStore, type Extras } from "./copy/copy-store.js";
export { exportRecords, type ImportReport, importRecords } from "./copy/ndjson.js";
export { examine } from "./doctor/doctor.js";
export type { Finding } from "./doctor/finding.js";
export { type Inspector, type InspectorOptions, startInspector } from "./inspector/inspector.js";
export { openConfig } from "./stores/open-config.js";
export { openUrl } from "./stores/open-url.js";
export type { Query, StoreKind, Target, TargetOptions } from "./stores/target.js";
