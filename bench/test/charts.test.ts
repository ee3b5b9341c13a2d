import { expect, it } from "vitest";
import { drawBars } from "../src/report/charts.js";
import { replaceSection } from "../src/report/section.js";

const options = {
  title: 'a < b & "c"',
  unit: "calls a second",
  isLogarithmic: true,
  categories: ["find", "update"],
  series: [
    { name: "ours", role: "ours" as const, values: [123_400, undefined] },
    { name: "theirs", role: "peer" as const, values: [1000, 10] },
  ],
};

it("draws a chart as an SVG with its values as text, without scripts or external resources", () => {
  const svg = drawBars(options);
  for (const text of ["a &lt; b &amp;", "find", "123k", "ours", "theirs"]) expect(svg).toContain(text);
  expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(svg).not.toMatch(/<script|href=|NaN|undefined|url\(http/);
});

it("draws identical charts from identical figures", () => {
  expect(drawBars(options)).toBe(drawBars(options));
});

it("replaces a section between its marks, and leaves a page without marks unchanged", () => {
  const page = "before\n<!-- speed -->\nold\n<!-- /speed -->\nafter";
  expect(replaceSection(page, "speed", "new")).toBe(
    "before\n<!-- speed -->\n\nnew\n\n<!-- /speed -->\nafter",
  );
  expect(replaceSection("no marks", "speed", "new")).toBe("no marks");
});
