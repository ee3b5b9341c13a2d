import { showRate } from "./statistics.js";
import { colourClass, decades, escapeXml, picture, position } from "./svg.js";

export interface BarChart {
  title: string;
  alternative: string;
  /** What each bar of a group stands for. */
  series: readonly { name: string; role: string }[];
  /** A value for each of the series; none where there is no bar. */
  groups: readonly { name: string; values: readonly (number | undefined)[] }[];
}

const WIDTH = 760;
const LEFT = 92;
const RIGHT = 60;
const BAR = 13;
const GAP = 12;
const LEGEND = 18;
const TOP = 40;

/** Bars that lie, on a scale of powers of ten. Limits are drawn faintly. */
export function barChart({ title, alternative, series, groups }: BarChart): string {
  const values = groups.flatMap((group) => group.values.flatMap((value) => value ?? []));
  const scale = decades(values.length === 0 ? [1] : values);
  const room = WIDTH - LEFT - RIGHT;
  const legendRows = Math.ceil(series.length / 2);
  const parts: string[] = [];
  for (const [index, { name, role }] of series.entries()) {
    const x = 12 + (index % 2) * (WIDTH / 2);
    const y = TOP + Math.floor(index / 2) * LEGEND;
    parts.push(
      `<rect class="${colourClass(index)}" x="${x}" y="${y - 9}" width="10" height="10" fill-opacity="${opacity(role)}"/>`,
      `<text x="${x + 16}" y="${y}">${escapeXml(role === "ours" ? name : `${name}, ${role}`)}</text>`,
    );
  }
  const top = TOP + legendRows * LEGEND + 8;
  let y = top;
  for (const group of groups) {
    const bars = group.values.flatMap((value, index) => (value === undefined ? [] : [{ value, index }]));
    parts.push(`<text x="12" y="${y + 11}">${escapeXml(group.name)}</text>`);
    for (const { value, index } of bars) {
      const width = Math.max(1, position(value, scale) * room);
      parts.push(
        `<rect class="${colourClass(index)}" x="${LEFT}" y="${y}" width="${width.toFixed(1)}" height="${BAR - 3}" fill-opacity="${opacity(series[index]?.role)}"/>`,
        `<text class="faint" x="${(LEFT + width + 5).toFixed(1)}" y="${y + 9}">${showRate(value)}</text>`,
      );
      y += BAR;
    }
    y += GAP;
  }
  const rules = Array.from({ length: scale.to - scale.from + 1 }, (_, step) => {
    const x = LEFT + (step / (scale.to - scale.from)) * room;
    return `<line class="rule" x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${top - 4}" y2="${y - GAP + 2}"/><text class="faint" x="${x.toFixed(1)}" y="${y + 6}" text-anchor="middle">${showRate(10 ** (scale.from + step))}</text>`;
  });
  return picture({ width: WIDTH, height: y + 16, title, alternative }, [...rules, ...parts]);
}

function opacity(role: string | undefined): number {
  return role === "limit" ? 0.35 : 1;
}
