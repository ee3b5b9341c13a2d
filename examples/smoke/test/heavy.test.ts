import { expect, it } from "vitest";
import { testNotesApp } from "./notes-app.js";
import { type Example, RunningExample } from "./running-example.js";

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
    // It takes every request for one of https, unless a proxy says otherwise.
    env: { PROTOCOL_HEADER: "x-forwarded-proto" },
    headers: { "x-forwarded-proto": "http" },
  },
];

const chosen = process.env.EXAMPLES?.split(" ") ?? examples.map(({ name }) => name);
for (const example of examples) {
  if (chosen.includes(example.name)) testNotesApp({ node: process.env.EXAMPLES_NODE ?? "node", ...example });
}

/** Answers a request of a new visitor to the example of that name, with the number of cookies set. */
async function visit(name: string, path: string): Promise<{ text: string; cookies: number }> {
  const example = examples.find((each) => each.name === name) as Example;
  await using app = await RunningExample.start({ node: process.env.EXAMPLES_NODE ?? "node", ...example });
  const response = await fetch(app.url + path, { headers: example.headers ?? {} });
  return { text: await response.text(), cookies: response.headers.getSetCookie().length };
}

it.runIf(chosen.includes("next"))(
  "a Server Component loads its session once, and cannot change it",
  async () => {
    const { text, cookies } = await visit("next", "/reader");
    expect(text).toContain("true a Server Component cannot change a session");
    expect(cookies).toBe(0);
  },
);

it.runIf(chosen.includes("sveltekit"))(
  "what a page of SvelteKit fetches of the app itself has the session of the page",
  async () => {
    const { text, cookies } = await visit("sveltekit", "/nested");
    expect(text).toContain(", as the page says, as the nested request says");
    expect(cookies).toBe(1);
  },
);
