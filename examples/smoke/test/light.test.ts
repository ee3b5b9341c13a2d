import { testNotesApps } from "./notes-app.js";

const light = { args: ["dist/main.js"], notes: "/notes" };

testNotesApps({ hono: { folder: "hono", ...light }, fastify: { folder: "fastify", ...light } });
