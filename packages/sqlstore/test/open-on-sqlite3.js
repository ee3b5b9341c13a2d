import { openOn } from "./open-on-handle.js";

export const { open } = openOn("sqlite3", { closes: false });
