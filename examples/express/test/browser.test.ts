import { existsSync } from "node:fs";
import { chromium } from "playwright-core";
import { expect, it } from "vitest";
import { RunningShop } from "./running-shop.js";

const executablePath = [
  process.env.CHROMIUM_PATH,
  chromium.executablePath(), // where `playwright-core install chromium` puts it
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
].find((path) => path && existsSync(path));

// A browser's own connections home are refused in a closed network, and only slow the test down.
const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--disable-background-networking",
  "--disable-sync",
];

it("a person logs in, fills a cart, comes back and logs out, in a real browser", {
  timeout: 60_000,
}, async (test) => {
  if (executablePath === undefined) {
    console.warn("no Chromium found: the browser test did not run; install chromium or set CHROMIUM_PATH");
    test.skip("no Chromium found");
    return;
  }
  const shop = await RunningShop.open("--port", "0");
  const browser = await chromium.launch({ executablePath, args });
  try {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(shop.address);
    await page.getByLabel("Add one Coffee beans").click();
    await page.getByText("Coffee beans: 1 in your cart.").waitFor();

    await page.getByLabel("Name").fill("Ada");
    await page.getByLabel("Password").fill("demo");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByText("Welcome, Ada.").waitFor();

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
  } finally {
    await browser.close();
    await shop.stop();
  }
});
