// Operates the inspector's page in a real Chromium over a million sessions, and prints the time and memory.
//
//     npm run million:inspect [-- 1000000 [FILE [PICTURES]]]       FILE: a SQLite file that has them already
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { openUrl, startInspector } from "../dist/index.js";
import { seed } from "./seed.js";

const count = Number(process.argv[2] ?? 1_000_000);
const [given, pictures] = process.argv.slice(3);
const folder = mkdtempSync(join(tmpdir(), "scs-million-"));
const file = given || join(folder, "sessions.db");
if (!given) seed(file, count);
const target = await openUrl(`sqlite:${file}`, { onError: console.error });
const inspector = await startInspector(target);
let start = performance.now();
const lap = (what) => {
  console.log(`${what}: ${((performance.now() - start) / 1000).toFixed(1)} s`);
  start = performance.now();
};
const executablePath = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu"],
  timeout: 0,
});
const page = await browser.newPage({ viewport: { width: 1200, height: 760 } });
page.setDefaultTimeout(0);
await page.goto(inspector.url);
await page.getByText("reading").waitFor();
if (pictures) await page.screenshot({ path: join(pictures, "reading.png") });
await inspector.ready;
const all = new Intl.NumberFormat("en").format(count);
await page.getByText(`1 to 100 of ${all}`).waitFor();
lap("all sessions read");
for (const column of ["Owner", "Age", "Expires", "Size", "Last seen"]) {
  await page.getByRole("button", { name: column }).click();
  await page.locator("th[aria-sort]").getByText(column).waitFor();
  lap(`sorted by ${column.toLowerCase()}`);
}
if (pictures) await page.screenshot({ path: join(pictures, "million.png") });
await page.keyboard.press("/");
await page.keyboard.type("user-4711");
await page.getByText("1 to 2 of 2").waitFor();
lap("found an owner by name");
await page.keyboard.press("ArrowDown");
await page.keyboard.press("Delete");
await page.getByRole("dialog", { name: "Confirm" }).getByRole("button", { name: "End", exact: true }).click();
await page.getByText("1 to 1 of 1").waitFor();
lap("ended a session");
console.log(`memory: ${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`);
await browser.close();
await inspector.close();
await target.close();
rmSync(folder, { recursive: true });
