import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { testNotesApps } from "./notes-app.js";
import { type Example, RunningExample } from "./running-example.js";

/** The start command of each example, after scripts/test-frameworks.js has built it. */
const starts: Record<string, Omit<Example, "folder" | "node">> = {
  "react-router": {
    args: ["node_modules/@react-router/serve/bin.cjs", "build/server/index.js"],
    notes: "/notes",
    prefetch: {
      url: /\/about\.data$/,
      isUse: false,
      isReady: `Object.keys(document.querySelector("a")).some((key) => key.startsWith("__reactProps"))`,
    },
  },
  next: {
    args: ["node_modules/next/dist/bin/next", "start", "-H", "127.0.0.1"],
    notes: "/notes",
    prefetch: { url: /\/about\?_rsc=/, isUse: false },
  },
  sveltekit: {
    args: ["build/index.js"],
    notes: "/?/add",
    // Its preload looks like a visit: see docs/frameworks.md.
    prefetch: {
      url: /\/about\/__data\.json/,
      isUse: true,
      isReady: `history.scrollRestoration === "manual"`,
    },
    // SvelteKit assumes https unless a proxy header says otherwise.
    env: { PROTOCOL_HEADER: "x-forwarded-proto" },
    headers: { "x-forwarded-proto": "http" },
  },
  nuxt: {
    args: [".output/server/index.mjs"],
    notes: "/notes",
    prefetch: { url: /\/_nuxt\/.+\.js$/, isUse: false }, // only the code of the page
  },
  astro: {
    args: ["dist/server/entry.mjs"],
    notes: "/notes",
    prefetch: { url: /\/about$/, isUse: false },
  },
};

const { EXAMPLES_NODE: node = "node", EXAMPLES: names = Object.keys(starts).join(" ") } = process.env;
const examples: Record<string, Example> = Object.fromEntries(
  names.split(" ").map((name) => [name, { folder: `.tested-${name}`, node, ...starts[name] } as Example]),
);

testNotesApps(examples);

interface Answer {
  status: number;
  text: string;
  cookies: string[];
  /** Returns the calls of the store. */
  calls: string[];
}

/** Adds tests of one example, if it was chosen. */
function describeOnly(
  name: string,
  body: (ask: (path: string, init?: RequestInit) => Promise<Answer>) => void,
) {
  const example = examples[name];
  if (example === undefined) return;
  describe(`only in ${name}`, () => {
    let app: RunningExample;
    beforeAll(async () => {
      app = await RunningExample.start(example);
    });
    afterAll(() => app?.[Symbol.asyncDispose]());

    body(async (path, init = {}) => {
      app.takeCalls();
      const headers = { origin: app.url, ...example.headers, ...(init.headers as object) };
      const response = await fetch(app.url + path, { ...init, headers, redirect: "manual" });
      const text = await response.text();
      return {
        status: response.status,
        text,
        cookies: response.headers.getSetCookie(),
        calls: app.takeCalls(),
      };
    });
  });
}

const form = (fields: Record<string, string>, cookie = ""): RequestInit => ({
  method: "POST",
  body: new URLSearchParams(fields),
  headers: { cookie },
});
const cookieOf = ({ cookies }: Answer): string => cookies[0]?.split(";")[0] ?? "";

/** The import that an app needs, and the handlers of the package that its framework can use as well. */
const imports: [name: string, home: string, accepted: string[]][] = [
  ["react-router", "@scs/session/react-router", ["sessionMiddleware"]],
  ["next", "@scs/session/next", ["fetchHandler"]],
  ["sveltekit", "@scs/session/sveltekit", ["svelteKitSessions"]],
  ["nuxt", "@scs/session/h3", ["h3Sessions"]],
  ["astro", "@scs/session/astro", ["astroSessions"]],
];
for (const [name, home, accepted] of imports) {
  describeOnly(name, (ask) => {
    it("a handler for another framework is an error that names the right import", async () => {
      const messages: Record<string, string> = JSON.parse((await ask("/misuses")).text);
      const named = Object.entries(messages).map(([handler, message]) => [handler, message.includes(home)]);
      const all = ["sessions.middleware()", "koaSessions", "honoSessions", "fastifySessions", "fetchHandler"];
      all.push("h3Sessions", "svelteKitSessions", "astroSessions", "sessionMiddleware");
      const wrong = all.filter((handler) => !accepted.includes(handler));
      expect(named, JSON.stringify(messages)).toEqual(wrong.map((handler) => [handler, true]));
    });
  });
}

describeOnly("next", (ask) => {
  it("a Server Component loads its session once, and cannot change it", async () => {
    const { text, cookies } = await ask("/reader");
    expect(text).toContain("true a Server Component cannot change a session");
    expect(cookies).toEqual([]);
  });
});

describeOnly("sveltekit", (ask) => {
  it("a request from a page to the app itself shares its session", async () => {
    const { text, cookies } = await ask("/nested");
    expect(text).toContain(", as the page says, as the nested request says");
    expect(cookies).toHaveLength(1);
  });
});

describeOnly("astro", (ask) => {
  it("a prerendered page loads no session", async () => {
    const cookie = cookieOf(await ask("/login", form({ name: "Ada" })));
    const { text, calls } = await ask("/help", { headers: { cookie } });
    expect([text.includes("Whoever logs in"), calls]).toEqual([true, []]);
  });
});

describeOnly("react-router", (ask) => {
  it("a .data request of an action or a loader has the session, and sets its cookie", async () => {
    const noted = await ask("/notes.data", form({ text: "tea" }));
    const anonymous = cookieOf(noted);
    expect([noted.status, noted.cookies.length]).toEqual([202, 1]);
    const cookie = cookieOf(await ask("/login.data", form({ name: "Ada" }, anonymous)));
    expect(cookie).not.toBe(anonymous);
    expect((await ask("/about.data", { headers: { cookie } })).text).toContain("Ada");
    expect((await ask("/_.data", { headers: { cookie } })).text).toContain("tea");
    expect((await ask("/about.data", { headers: { cookie: anonymous } })).text).not.toContain("Ada");
    const { cookies } = await ask("/logout.data", form({}, cookie)); // its action throws the redirect
    expect(cookies).toEqual([expect.stringContaining("Max-Age=0")]);
    expect((await ask("/me", { headers: { cookie } })).text).not.toContain("Ada");
  });
});
