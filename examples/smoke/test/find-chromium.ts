import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

/** Returns the path of a Chromium: Playwright's own, or an installed one; `undefined` if there is none. */
export function findChromium(): string | undefined {
  const paths = [
    process.env.CHROMIUM_PATH,
    chromium.executablePath(), // where `playwright-core install chromium` puts it
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  ];
  const found = paths.find((path) => path && existsSync(path));
  if (found === undefined) console.warn("no Chromium found: install chromium or set CHROMIUM_PATH");
  return found;
}
