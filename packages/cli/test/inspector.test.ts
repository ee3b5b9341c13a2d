import { existsSync } from "node:fs";
import { request } from "node:http";
import { MemStore } from "@scs/memstore";
import { SessionManager } from "@scs/session";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect, it, type TestContext, vi } from "vitest";
import { type Inspector, startInspector } from "../src/inspector/inspector.js";
import type { Target } from "../src/stores/target.js";

interface Account {
  user: string;
  note: string;
}

const pictures = process.env.INSPECTOR_PICTURES;
const executablePath = [
  process.env.CHROMIUM_PATH,
  chromium.executablePath(),
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
].find((path) => path && existsSync(path));

/** Opens a store with this many users: the first has three sessions, the others one each. */
async function openShop(
  users: number,
): Promise<{ target: Target; sessions: SessionManager<Account>; token: string }> {
  const store = new MemStore({ cleanupIntervalMs: 0 });
  const sessions = new SessionManager<Account>({
    store,
    owner: ({ user }) => user,
    describe: ({ user }) => `${user}'s phone`,
  });
  let token = "";
  for (let n = 0; n < users + 2; n++) {
    const session = await sessions.load(undefined);
    session.set("user", n < 3 ? "ada" : `user-${n - 2}`).set("note", "x".repeat(n % 50));
    await sessions.commit(session);
    token = String(session.token);
  }
  const visitor = await sessions.load(undefined);
  await sessions.commit(visitor.set("note", "nobody's"));
  const target: Target = {
    ...{ kind: "mem", name: "mem:shop", store, sessions: sessions as unknown as SessionManager },
    ...{ knowsOwners: true, close: () => store[Symbol.asyncDispose]() },
  };
  return { target, sessions, token };
}

/** Sends a request with node:http, which allows any Host and Origin. */
function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
) {
  return new Promise<{ status: number; text: string }>((resolve, reject) => {
    const { method = "GET", headers = {}, body } = options;
    const req = request(url, { method, headers }, (res) => {
      let text = "";
      res.on("data", (chunk) => {
        text += chunk;
      });
      res.on("end", () => resolve({ status: res.statusCode ?? 0, text }));
    });
    req.on("error", reject).end(body);
  });
}

it("refuses requests without the secret, to a foreign host name, and from other sites", async () => {
  const { target, token } = await openShop(3);
  const inspector = await startInspector(target);
  await inspector.ready;
  const { origin, host } = new URL(inspector.url);
  const secretOf = token.split(".")[1] as string;
  for (const path of [
    "/",
    "/api/sessions",
    `/${"x".repeat(32)}/`,
    `/${"x".repeat(32)}/api/sessions`,
    "/../",
    "//x/",
  ]) {
    expect((await ask(origin + path)).status, path).toBe(404);
  }
  const api = `${inspector.url}api/sessions`;
  expect((await ask(api)).status).toBe(200);
  expect((await ask(api)).text).not.toContain(secretOf);
  expect((await ask(api, { headers: { host: `evil.example:${host.split(":")[1]}` } })).status).toBe(403);
  expect((await ask(api, { headers: { origin: "http://evil.example" } })).status).toBe(403);
  const end = { method: "POST", body: JSON.stringify({ handle: "x" }) };
  expect((await ask(`${inspector.url}api/revoke`, end)).status, "a form of another site").toBe(415);
  for (const wrong of ["sessions?sort=token", "sessions?offset=-1", "owners?limit=x"]) {
    expect((await ask(`${inspector.url}api/${wrong}`)).status, wrong).toBe(400);
  }
  const headers = { "content-type": "application/json" };
  for (const body of ["{", "null", JSON.stringify({ handle: "x".repeat(5000) })]) {
    const { status } = await ask(`${inspector.url}api/revoke`, { method: "POST", headers, body });
    expect([200, 400, 413]).toContain(status);
  }
  await inspector.close();
});

it("scans again only while a page is open, once for all pages", { timeout: 300_000 }, async () => {
  const { target } = await openShop(3);
  let scans = 0;
  const noticed: (() => void)[] = [];
  const inspectAll = target.sessions.inspectAll.bind(target.sessions);
  target.sessions.inspectAll = (...args: Parameters<typeof inspectAll>) => {
    scans++;
    noticed.shift()?.();
    return inspectAll(...args);
  };
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  const inspector = await startInspector(target, { minPauseMs: 1_000 });
  try {
    await inspector.ready;
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(scans, "nobody watches").toBe(1);
    const scanned = new Promise<void>((resolve) => noticed.push(resolve));
    const pages = [1, 2].map(() => request(`${inspector.url}api/events`, (res) => res.resume()).end());
    for (const page of pages) page.on("error", () => undefined); // the server closes the streams
    await scanned;
    expect(scans, "two pages").toBe(2);
  } finally {
    await inspector.close();
    vi.useRealTimers();
  }
});

it("sorts, searches and pages by every column", async () => {
  const { target } = await openShop(300);
  const inspector = await startInspector(target);
  await inspector.ready;
  const rows = async (query: string) => {
    const { text } = await ask(`${inspector.url}api/sessions?${query}`);
    return JSON.parse(text) as { total: number; rows: Record<string, string | number>[] };
  };
  expect((await rows("")).total).toBe(303);
  for (const sort of ["created", "lastSeen", "expiry", "bytes"]) {
    const { rows: up } = await rows(`sort=${sort}&dir=asc&limit=500`);
    const values = up.map((row) => Number(row[sort]));
    expect(values, sort).toEqual(values.toSorted((a, b) => a - b));
    const { rows: page } = await rows(`sort=${sort}&dir=asc&limit=7&offset=21`);
    expect(page.map(({ handle }) => handle)).toEqual(up.slice(21, 28).map(({ handle }) => handle));
  }
  const { rows: named } = await rows("sort=owner&dir=asc&limit=500");
  expect(named.slice(0, 4).map(({ owner }) => owner)).toEqual(["ada", "ada", "ada", "user-1"]);
  expect(named.at(-1)?.owner, "nobody is the last").toBeUndefined();
  expect((await rows("q=ADA")).total).toBe(3);
  expect((await rows("q=user-29")).total).toBe(11);
  const [one] = named;
  expect((await rows(`q=${one?.handle}`)).rows.map(({ handle }) => handle)).toEqual([one?.handle]);
  expect((await rows("q=no-such-owner")).total).toBe(0);
  await inspector.close();
});

async function inBrowser(
  test: TestContext,
  users: number,
  visit: (page: Page, inspector: Inspector, sessions: SessionManager<Account>) => Promise<void>,
): Promise<void> {
  if (executablePath === undefined) {
    console.warn("no Chromium found: the inspector's browser test did not run; install chromium");
    return test.skip("no Chromium found");
  }
  const { target, sessions } = await openShop(users);
  const inspector = await startInspector(target);
  const args = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];
  const browser: Browser = await chromium.launch({ executablePath, args, timeout: 0 });
  try {
    const context = await browser.newContext({ viewport: { width: 1200, height: 760 } });
    context.setDefaultTimeout(0);
    const page = await context.newPage();
    const problems: string[] = [];
    page.on("pageerror", (error) => problems.push(error.message));
    page.on("console", (message) => message.type() === "error" && problems.push(message.text()));
    await visit(page, inspector, sessions);
    expect(problems, "what the browser complains of").toEqual([]);
  } finally {
    await browser.close();
    await inspector.close();
    await target.close();
  }
}

it("works by keyboard alone: search, rows, pages, details, ending", { timeout: 300_000 }, (test) =>
  inBrowser(test, 250, async (page, inspector, sessions) => {
    await inspector.ready;
    await page.goto(inspector.url);
    const range = page.locator("#range");
    await page.getByText("1 to 100 of 253").waitFor();
    expect(await page.locator("#count").innerText()).toBe("253");
    expect(await page.locator("#owners").innerText()).toBe("250");
    for (const scheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme: scheme });
      if (pictures !== undefined) await page.screenshot({ path: `${pictures}/inspector-${scheme}.png` });
    }
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowRight");
    await page.getByText("101 to 200 of 253").waitFor();
    await page.keyboard.press("ArrowRight");
    await page.getByText("201 to 253 of 253").waitFor();
    await page.keyboard.press("ArrowLeft");
    await page.getByText("101 to 200 of 253").waitFor();

    await page.keyboard.press("/");
    await page.keyboard.type("ada");
    await page.getByText("1 to 3 of 3").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    const details = page.getByRole("dialog", { name: "Session" });
    await details.getByText("ada's phone").waitFor();
    expect(await details.locator("pre").isVisible(), "values on request only").toBe(false);
    await details.getByRole("button", { name: "Show values" }).click();
    await details.getByText('"user": "ada"').waitFor();
    if (pictures !== undefined) await page.screenshot({ path: `${pictures}/inspector-details.png` });
    await page.keyboard.press("Escape");
    await details.waitFor({ state: "hidden" });

    await page.keyboard.press("Delete");
    await page.getByText("End the session of ada?").waitFor();
    await page.keyboard.press("Enter"); // presses the focused button: Cancel
    expect(await sessions.list("ada")).toHaveLength(3);
    await page.keyboard.press("Delete");
    await page.getByRole("dialog", { name: "Confirm" }).waitFor();
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.getByText("1 to 2 of 2").waitFor();
    expect(await sessions.list("ada")).toHaveLength(2);
    await page.getByText("252", { exact: true }).waitFor();

    await page.locator("#rows tbody tr").first().click();
    await details.getByRole("button", { name: "End all of this owner" }).click();
    await page
      .getByRole("dialog", { name: "Confirm" })
      .getByRole("button", { name: "End", exact: true })
      .click();
    await page.locator("#range").getByText("none").waitFor();
    expect(await sessions.list("ada")).toEqual([]);
    expect(await range.innerText()).toBe("none");
  }),
);

it("shows new scans live, and groups by owner", { timeout: 300_000 }, (test) =>
  inBrowser(test, 5, async (page, inspector, sessions) => {
    await inspector.ready;
    await page.goto(inspector.url);
    await page.getByText("1 to 8 of 8").waitFor();
    const session = await sessions.load(undefined);
    await sessions.commit(session.set("user", "<b>eve</b>"));
    await page.getByRole("button", { name: "Read anew" }).click();
    await page.getByText("1 to 9 of 9").waitFor();
    expect(await page.getByText("<b>eve</b>", { exact: true }).count(), "as text").toBe(1);
    await page.getByText("Owners", { exact: true }).click();
    await page.getByText("1 to 6 of 6").waitFor();
    expect(await page.locator("#rows tbody tr").first().innerText()).toMatch(/^ada\s+3$/);
    await page.locator("#rows tbody tr").first().click();
    await page.getByText("1 to 3 of 3").waitFor();
    await page.getByRole("button", { name: "× ada" }).click();
    await page.getByText("1 to 9 of 9").waitFor();
    await page.getByRole("button", { name: "Size" }).click();
    await page.locator('th[aria-sort="descending"]').getByText("Size").waitFor();
  }),
);
