import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { expect, it, type TestContext } from "vitest";
import { RunningShop } from "./running-shop.js";

/** Directory for screenshots of the pages; none are made without it. */
const pictures = process.env.DEMO_PICTURES;

async function picture(page: Page, name: string): Promise<void> {
  if (pictures === undefined) return;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: `${pictures}/${name}-${colorScheme}.png`, fullPage: true });
  }
}

const executablePath = [
  process.env.CHROMIUM_PATH,
  chromium.executablePath(), // where `playwright-core install chromium` puts it
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
].find((path) => path && existsSync(path));

// Disables the browser's own background connections, which only slow the test down.
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-sync",
];

/** Opens the shop and a browser for a test. Skips the test if there is no browser. */
async function inBrowser(
  test: TestContext,
  visit: (shop: RunningShop, browser: Browser) => Promise<void>,
): Promise<void> {
  if (executablePath === undefined) {
    console.warn("no Chromium found: the browser test did not run; install chromium or set CHROMIUM_PATH");
    test.skip("no Chromium found");
    return;
  }
  const shop = await RunningShop.open("--port", "0");
  const browser = await chromium.launch({ executablePath, args, timeout: 0 }); // the test has its own timeout
  try {
    await visit(shop, browser);
  } finally {
    await browser.close();
    await shop.stop();
  }
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill("demo");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText(`Welcome, ${name}.`).waitFor();
}

it(
  "logs in, fills a cart, comes back and logs out, in a real browser",
  {
    timeout: 300_000,
  },
  (test) =>
    inBrowser(test, async (shop, browser) => {
      const context = await browser.newContext();
      context.setDefaultTimeout(0);
      const page = await context.newPage();
      await page.goto(shop.address);
      await page.getByLabel("Add one Coffee beans").click();
      await page.getByText("Coffee beans: 1 in your cart.").waitFor();

      await logIn(page, "Ada");
      await page.reload();
      expect(await page.getByText("Welcome, Ada.").count(), "the message is shown once").toBe(0);
      expect(await page.getByText("Hello, Ada").count(), "still logged in").toBe(1);
      expect(await page.getByText("1 × Coffee beans").count(), "the cart came along").toBe(1);

      const [cookie, ...others] = await context.cookies();
      expect(others).toEqual([]);
      expect(cookie).toMatchObject({ name: "session", httpOnly: true, sameSite: "Lax", path: "/" });
      expect(await page.evaluate("document.cookie"), "scripts cannot read it").toBe("");

      await page.getByRole("button", { name: "Log out" }).click();
      await page.getByText("You are logged out.").waitFor();
      await page.goBack();
      await page.goto(shop.address);
      expect(await page.getByText("Hello, Ada").count()).toBe(0);
      expect(await page.getByText("Nothing in it yet.").count()).toBe(1);
    }),
);

it(
  "lists a customer's devices, and logs out the other one, with two browser profiles",
  { timeout: 300_000 },
  (test) =>
    inBrowser(test, async (shop, browser) => {
      const profile = async (userAgent?: string): Promise<Page> => {
        const context = await browser.newContext(userAgent === undefined ? {} : { userAgent });
        context.setDefaultTimeout(0);
        const page = await context.newPage();
        await page.goto(shop.address);
        return page;
      };
      const laptop = await profile();
      const phone = await profile(
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0) AppleWebKit/605 Version/17.0 Safari/604.1",
      );
      const devices = (page: Page) => page.getByRole("region", { name: "My devices" }).getByRole("listitem");
      const isLoggedIn = async (page: Page) => {
        await page.goto(shop.address);
        return (await page.getByText("Hello, Ada").count()) === 1;
      };

      await logIn(laptop, "Ada");
      expect(await devices(laptop).allInnerTexts()).toEqual([expect.stringContaining("This device")]);
      await logIn(phone, "Ada");
      expect(await devices(phone).count()).toBe(2);

      await laptop.goto(shop.address);
      await laptop.getByRole("button", { name: /^Log out Safari on iPhone/ }).click();
      await laptop.getByText(/^Logged out: Safari on iPhone/).waitFor();
      expect(await isLoggedIn(phone), "logged out by the other").toBe(false);
      expect(await isLoggedIn(laptop), "still logged in").toBe(true);
      expect(await devices(laptop).count()).toBe(1);

      await logIn(phone, "Ada");
      await phone.getByRole("button", { name: "Log out everywhere else" }).click();
      await phone.getByText("Logged out everywhere else: 1 other session(s).").waitFor();
      expect(await isLoggedIn(laptop), "logged out by the other").toBe(false);
      expect(await isLoggedIn(phone), "still logged in").toBe(true);
    }),
);

it(
  "keeps the name after a failed log-in, shows relative times, and wraps no button",
  { timeout: 300_000 },
  (test) =>
    inBrowser(test, async (shop, browser) => {
      const context = await browser.newContext({ viewport: { width: 900, height: 700 } });
      context.setDefaultTimeout(0);
      const page = await context.newPage();
      await page.goto(shop.address);
      await page.getByLabel("Name").fill("Ada Lovelace");
      await page.getByLabel("Password").fill("wrong");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText("That did not match.").waitFor();
      expect(await page.getByLabel("Name").inputValue()).toBe("Ada Lovelace");
      await page.getByLabel("Password").fill("demo");
      await page.getByRole("button", { name: "Log in" }).click();
      await page.getByText("Welcome, Ada Lovelace.").waitFor();
      expect(await page.getByText(/UTC/).count()).toBe(0);
      expect(await page.getByText("Logged in just now").count()).toBe(1);
      const heights = await page.locator("button:not(.small)").evaluateAll((buttons) => {
        return buttons.map((button) => button.getBoundingClientRect().height);
      });
      expect(new Set(heights).size, `one line each: ${heights}`).toBe(1);
      await picture(page, "shop");
    }),
);

it("lists devices on their page, and logs them out", { timeout: 300_000 }, (test) =>
  inBrowser(test, async (shop, browser) => {
    const [laptop, phone] = await Promise.all(
      ["Firefox/140.0 Linux", "iPhone Safari/604"].map(async (userAgent) => {
        const context = await browser.newContext({ userAgent });
        context.setDefaultTimeout(0);
        const page = await context.newPage();
        await page.goto(shop.address);
        await logIn(page, "Grace");
        return page;
      }),
    );
    if (laptop === undefined || phone === undefined) throw new Error("two browsers were opened");
    await laptop.goto(`${shop.address}/devices`);
    const rows = laptop.getByRole("region", { name: "Devices" }).locator("tbody tr");
    expect(await rows.count()).toBe(2);
    await picture(laptop, "devices");
    await laptop.getByRole("button", { name: /^Log out Safari on iPhone/ }).click();
    await laptop.getByText(/^Logged out: Safari on iPhone/).waitFor();
    expect(new URL(laptop.url()).pathname, "one stays on the page").toBe("/devices");
    expect(await rows.count()).toBe(1);
    await phone.goto(`${shop.address}/devices`);
    expect(new URL(phone.url()).pathname, "there is nobody here").toBe("/");
  }),
);

it(
  "shows in a race that the manager loses nothing, and what express-session loses",
  { timeout: 300_000 },
  (test) =>
    inBrowser(test, async (shop, browser) => {
      const context = await browser.newContext();
      context.setDefaultTimeout(0);
      const page = await context.newPage();
      await page.goto(`${shop.address}/race`);
      for (const round of [1, 2]) {
        await page.getByRole("button", { name: "Start the race" }).click();
        const verdict = (race: string, side: string) =>
          page.locator(`[data-race="${race}"][data-side="${side}"] .verdict`);
        await page.locator('[data-race="logOut"][data-side="here"] .verdict.kept').waitFor();
        await page.locator('[data-race="logOut"][data-side="beside"] .verdict.lost').waitFor();
        expect(await verdict("changes", "here").innerText(), `round ${round}`).toBe("50 of 50 changes kept");
        const beside = await verdict("changes", "beside").innerText();
        expect(beside).toMatch(/^\d of 50 changes kept, 4\d lost$/);
        expect(await verdict("logOut", "here").innerText()).toBe("Logged out is logged out");
        expect(await verdict("logOut", "beside").innerText()).toContain("the log-out was undone");
        await page.locator("#start:enabled").waitFor();
        console.log(`beside: ${beside}`);
      }
      expect(await page.locator('[data-race="changes"][data-side="here"] .kept').count()).toBe(51);
      await picture(page, "race");
    }),
);
