import * as echarts from "echarts";
import { showRate } from "./statistics.js";

/** The bars of one contender, one for each category. */
export interface Series {
  name: string;
  /** Determines the colour: ours stand out, peers are blue, limits grey. */
  role: "ours" | "peer" | "limit";
  /** Values by category; `undefined` where there is no figure. */
  values: readonly (number | undefined)[];
}

export interface ChartOptions {
  title: string;
  /** Unit, shown under the title. */
  unit: string;
  categories: readonly string[];
  series: readonly Series[];
  /** Whether the scale is logarithmic, for rates that differ by orders of magnitude. */
  isLogarithmic: boolean;
}

const COLOURS = {
  ours: ["#c2410c", "#ea580c", "#f59e0b", "#fbbf24"],
  peer: ["#1e3a8a", "#1d4ed8", "#3b82f6", "#60a5fa", "#93c5fd", "#bfdbfe"],
  limit: ["#64748b", "#94a3b8", "#cbd5e1"],
};
const WIDTH = 960;
const HEADER = 110;
const FOOTER = 30;
const BAR = 15;
const GAP = 20;

/** Draws horizontal bars with their values as an SVG. */
export function drawBars({ title, unit, categories, series, isLogarithmic }: ChartOptions): string {
  const height = HEADER + FOOTER + categories.length * (series.length * BAR + GAP);
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  const used = { ours: 0, peer: 0, limit: 0 };
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    textStyle: { fontFamily: "sans-serif" },
    title: {
      text: title,
      subtext: `${unit}${isLogarithmic ? "; logarithmic scale" : ""}; longer is faster`,
      left: 12,
      top: 8,
    },
    legend: { top: 62, left: 12, itemWidth: 14, itemGap: 26 },
    grid: { left: 160, right: 60, top: HEADER, bottom: FOOTER },
    xAxis: {
      type: isLogarithmic ? "log" : "value",
      axisLabel: { formatter: (value: number) => showRate(value).replace(".0", "") },
      splitLine: { lineStyle: { color: "#e2e8f0" } },
    },
    yAxis: { type: "category", inverse: true, data: [...categories] },
    series: series.map(({ name, role, values }) => ({
      name,
      type: "bar",
      barGap: "10%",
      itemStyle: { color: COLOURS[role][used[role]++ % COLOURS[role].length] },
      label: {
        show: true,
        position: "right",
        fontSize: 11,
        formatter: ({ value }: { value: unknown }) => (typeof value === "number" ? showRate(value) : ""),
      },
      data: values.map((value) => value ?? null),
    })),
  } as echarts.EChartsCoreOption);
  const svg = chart.renderToSVGString();
  chart.dispose();
  // Removes the styles and marks for hovering, whose numbering differs in each process.
  const still = svg.replace(/<style[\s\S]*?<\/style>/, "").replaceAll(/ (class|ecmeta_\w+)="[^"]*"/g, "");
  return `${still.trim().replace(/^<svg[^>]*>/, (tag) => `${tag}<title>${escapeText(title)}</title>`)}\n`;
}

const escapeText = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
