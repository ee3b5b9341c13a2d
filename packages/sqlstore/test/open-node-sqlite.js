import { backendOf } from "./backend.js";

export const { open, connect, backend, durableBackend } = backendOf("node:sqlite", import.meta.url);
