import { expect, it } from "vitest";
import { barChart } from "../src/bar-chart.js";
import { lineChart } from "../src/line-chart.js";
import { decades, position } from "../src/svg.js";

const bars = barChart({
  title: 'a < b & "c"',
  alternative: "find: one 1.0k",
  series: [
    { name: "one", role: "ours" },
    { name: "two", role: "limit" },
  ],
  groups: [{ name: "find", values: [1000, undefined] }],
});
const lines = lineChart({
  title: "growth",
  alternative: "in words",
  lines: [
    {
      name: "one",
      points: [
        { x: 1000, y: 5 },
        { x: 1_000_000, y: 50_000 },
      ],
    },
    {
      name: "two",
      points: [
        { x: 1000, y: 5 },
        { x: 1_000_000, y: 50_000 },
      ],
    },
  ],
});

it.each([
  ["bars", bars],
  ["lines", lines],
])(
  "%s: well-formed, in words too, for light and dark, without scripts or anything from elsewhere",
  (_name, svg) => {
    // Each element ends, in the order in which they began.
    const open: string[] = [];
    for (const [, close, name, alone] of svg.matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)) {
      if (close === "/") expect(open.pop()).toBe(name);
      else if (alone !== "/") open.push(name as string);
    }
    expect(open).toEqual([]);
    expect(svg).toMatch(/role="img" aria-labelledby="title what"/);
    expect(svg).toMatch(/<title id="title">.+<\/title>\n<desc id="what">.+<\/desc>/);
    expect(svg).toContain("@media(prefers-color-scheme:dark)");
    expect(svg).not.toMatch(/<script|<image|href|NaN|Infinity|undefined/);
    expect(svg.replaceAll("http://www.w3.org/2000/svg", "")).not.toContain("http");
  },
);

it("names are text, whatever is in them", () => {
  expect(bars).toContain("a &lt; b &amp; &quot;c&quot;");
});

it("names at the ends of lines do not lie on each other", () => {
  const places = [...lines.matchAll(/<text x="\d+" y="([\d.]+)">(?:one|two)</g)].map(([, y]) => Number(y));
  expect(places).toHaveLength(2);
  expect(Math.abs((places[0] as number) - (places[1] as number))).toBeGreaterThanOrEqual(14);
});

it("a scale is of whole powers of ten, and has room for a single value", () => {
  expect(decades([150, 40_000])).toEqual({ from: 2, to: 5 });
  expect(decades([100])).toEqual({ from: 2, to: 3 });
  expect(position(1000, { from: 2, to: 4 })).toBe(0.5);
});
