import { openOn } from "./open-on-handle.js";

export const { open } = openOn("better-sqlite3", { closes: false });
