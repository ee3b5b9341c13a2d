import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findChromium } from "./find-chromium.js";
import { type Example, RunningExample } from "./running-example.js";

const executablePath = findChromium();

interface Me {
  user?: string;
  notes: string[];
  devices: { handle: string }[];
}

/** Tests the named examples in one browser: as a user, with parallel requests, and with background requests. */
export function testNotesApps(examples: Record<string, Example>): void {
  let browser: Browser;
  beforeAll(async () => {
    const args = ["--no-sandbox", "--disable-dev-shm-usage"];
    if (executablePath) browser = await chromium.launch({ executablePath, args, timeout: 0 });
  });
  afterAll(() => browser?.close());

  for (const [name, example] of Object.entries(examples)) testNotesApp(name, example, () => browser);
}

function testNotesApp(name: string, example: Example, browser: () => Browser): void {
  describe.skipIf(executablePath === undefined)(`the example ${name}`, () => {
    let app: RunningExample;
    beforeAll(async () => {
      app = await RunningExample.start(example);
    });
    afterAll(() => app?.[Symbol.asyncDispose]());

    const open = async (): Promise<Page> => {
      const context = await browser().newContext({ extraHTTPHeaders: example.headers ?? {} });
      context.setDefaultTimeout(0);
      const page = await context.newPage();
      await page.goto(app.url);
      return page;
    };
    const logIn = async (page: Page, name: string): Promise<void> => {
      await page.getByLabel("Name").fill(name);
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText(`Hello, ${name}.`).waitFor();
    };
    const cookieOf = async (context: BrowserContext): Promise<string> => {
      const cookies = await context.cookies();
      expect(cookies.map(({ name }) => name)).toContain("session");
      return cookies.map(({ name, value }) => `${name}=${value}`).join("; ");
    };
    const ask = (path: string, cookie: string, init: RequestInit = {}) =>
      fetch(app.url + path, {
        ...init,
        redirect: "manual",
        headers: {
          cookie,
          origin: app.url,
          ...example.headers,
          ...(init.headers as Record<string, string>),
        },
      });
    const me = async (cookie: string): Promise<Me> => (await (await ask("/me", cookie)).json()) as Me;
    const addNote = (text: string, cookie: string) =>
      ask(example.notes, cookie, { method: "POST", body: new URLSearchParams({ text }) });
    const notes = (page: Page) => page.getByRole("list", { name: "Notes" }).getByRole("listitem");
    const devices = (page: Page) => page.getByRole("list", { name: "Devices" }).getByRole("listitem");

    it("a user logs in, adds notes, logs out another device, and logs out", async () => {
      const laptop = await open();
      expect(await laptop.context().cookies(), "a visitor who stored nothing gets no cookie").toEqual([]);
      await laptop.getByRole("textbox", { name: "Note" }).fill("before");
      await laptop.getByRole("button", { name: "Add" }).click();
      await notes(laptop).getByText("before").waitFor();
      const planted = await cookieOf(laptop.context());
      await logIn(laptop, "Ada");
      const [cookie] = (await laptop.context().cookies()).filter(({ name }) => name === "session");
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Lax", path: "/" });
      expect(await me(planted), "a token from before the log-in").toMatchObject({ notes: [], devices: [] });
      await laptop.getByRole("textbox", { name: "Note" }).fill("tea & <b>milk</b>");
      await laptop.getByRole("button", { name: "Add" }).click();
      await notes(laptop).getByText("tea & <b>milk</b>").waitFor();
      await laptop.reload();
      expect(await notes(laptop).allInnerTexts()).toEqual(["before", "tea & <b>milk</b>"]);

      const phone = await open();
      await logIn(phone, "Ada");
      expect(await devices(phone).count()).toBe(2);
      await laptop.reload();
      await laptop.getByRole("button", { name: "Log out there" }).click();
      await laptop.getByRole("button", { name: "Log out there" }).waitFor({ state: "detached" });
      expect(await devices(laptop).count()).toBe(1);
      await phone.reload();
      await phone.getByRole("button", { name: "Log in" }).waitFor();

      const stolen = await cookieOf(laptop.context());
      expect((await me(stolen)).user).toBe("Ada");
      await laptop.getByRole("button", { name: "Log out", exact: true }).click();
      await laptop.getByRole("button", { name: "Log in" }).waitFor();
      expect((await me(stolen)).user).toBeUndefined();
      for (const page of [laptop, phone]) await page.context().close();
    });

    it("parallel requests lose no note, and never undo a log-out", async () => {
      const page = await open();
      await logIn(page, "Grace");
      const cookie = await cookieOf(page.context());
      const texts = Array.from({ length: 25 }, (_, at) => `note ${String(at).padStart(2, "0")}`);
      const answers = await Promise.all(texts.map((text) => addNote(text, cookie)));
      expect(answers.filter(({ status }) => status >= 400)).toEqual([]);
      expect((await me(cookie)).notes.sort()).toEqual(texts);
      await Promise.all([
        page.getByRole("button", { name: "Log out", exact: true }).click(),
        ...texts.map((text) => addNote(text, cookie)),
      ]);
      await page.getByRole("button", { name: "Log in" }).waitFor();
      expect(await me(cookie)).toMatchObject({ notes: [], devices: [] });
      await page.context().close();
    });

    it("files load no session, and a prefetch does not restart the idle timeout", async () => {
      const page = await open();
      await logIn(page, "Edsger");
      const cookie = await cookieOf(page.context());
      await page.context().close(); // ends its prefetches as well
      const html = await (await ask("/", cookie)).text();
      // The paths of the style sheet and the scripts of the page.
      const files = html.match(/(?<=(?:href|src)=")[^"]+\.(?:css|js)(?=")/g) ?? [];
      expect(files.length).toBeGreaterThan(0);
      app.takeCalls();
      for (const file of files) {
        const answer = await ask(new URL(file, `${app.url}/`).pathname, cookie);
        expect([file, answer.status]).toEqual([file, 200]);
      }
      expect(app.takeCalls()).toEqual([]);
      app.advance(10);
      const prefetch = await ask("/", cookie, { headers: { "sec-purpose": "prefetch" } });
      expect(await prefetch.text()).toContain("Edsger");
      expect(app.takeCalls()).not.toContain("commit");
      expect(await (await ask("/", cookie)).text()).toContain("Edsger");
      expect(app.takeCalls()).toContain("commit");
      app.advance(25); // 35 minutes after the log-in, 25 after the page
      expect((await me(cookie)).user).toBe("Edsger");
    });

    const { prefetch } = example;
    if (prefetch === undefined) return;
    const { url, isUse, isReady = "true" } = prefetch;
    it(`a link that the page prefetches ${isUse ? "restarts" : "does not restart"} the idle timeout`, async () => {
      const page = await open();
      await logIn(page, "Barbara");
      // The link is far below, because some pages prefetch links in view.
      const style = { contentType: "text/css", body: "h1 { margin-bottom: 2000px }" };
      await page.route("**/style.css", (route) => route.fulfill(style));
      await page.goto(app.url);
      const link = page.getByRole("link", { name: "About" });
      app.takeCalls();
      app.advance(10);
      const prefetched = page.waitForResponse((response) => url.test(response.url()));
      await page.waitForFunction(isReady);
      await link.hover();
      await prefetched; // after its headers, which leave after the save
      expect(app.takeCalls().includes("commit")).toBe(isUse);
      await link.click();
      await page.getByText("These are the notes of Barbara.").waitFor();
      await page.context().close();
    });
  });
}
