import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

const page = readFileSync(new URL("../../../docs/security.md", import.meta.url), "utf8");
const references = [...page.matchAll(/`([\w-]+\.test\.ts)`(?: "([^"|]+)")?/g)].map(([, file, title]) => [
  file,
  title,
]);

it.each(references)("docs/security.md names an existing test: %s %s", (file, title) => {
  const path = new URL(file as string, import.meta.url);
  expect(existsSync(path), file).toBe(true);
  if (title !== undefined) expect(readFileSync(path, "utf8")).toContain(title);
});

it("docs/security.md has a row for each requirement of ASVS 5 V7, and says how it is met", () => {
  const numbers = [
    "1.1",
    "1.2",
    "1.3",
    "2.1",
    "2.2",
    "2.3",
    "2.4",
    "3.1",
    "3.2",
    "4.1",
    "4.2",
    "4.3",
    "4.4",
    "4.5",
  ];
  for (const number of [...numbers, "5.1", "5.2", "5.3", "6.1", "6.2"]) {
    expect(page).toMatch(
      new RegExp(`\\| 7\\.${number} \\| [^|]+ \\| (by default|by an option|the app's) \\|`),
    );
  }
});
