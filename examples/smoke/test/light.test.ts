import { testNotesApp } from "./notes-app.js";

for (const name of ["hono", "fastify"]) testNotesApp({ name, args: ["dist/main.js"], notes: "/notes" });
