import { testNotesApp } from "./notes-app.js";
import type { Example } from "./running-example.js";

/** How each is started once it is built, as `npm start` does. */
const examples: Example[] = [
  {
    name: "react-router",
    args: ["node_modules/@react-router/serve/bin.cjs", "build/server/index.js"],
    notes: "/notes",
  },
  { name: "next", args: ["node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1"], notes: "/notes" },
  {
    ...{ name: "sveltekit", args: ["build/index.js"], notes: "/?/add" },
    env: (port) => ({ ORIGIN: `http://127.0.0.1:${port}` }),
  },
];

const chosen = process.env.EXAMPLES?.split(" ") ?? examples.map(({ name }) => name);
for (const example of examples) {
  if (chosen.includes(example.name)) testNotesApp({ node: process.env.EXAMPLES_NODE ?? "node", ...example });
}
