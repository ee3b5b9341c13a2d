import { backendOf } from "./backend.js";

export const { open, connect, backend, durableBackend } = backendOf("sqlite3", import.meta.url);
