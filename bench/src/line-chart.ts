import { showRate } from "./statistics.js";
import { colourClass, decades, escapeXml, picture, position } from "./svg.js";

export interface LineChart {
  title: string;
  alternative: string;
  lines: readonly { name: string; points: readonly { x: number; y: number }[] }[];
}

const WIDTH = 760;
const HEIGHT = 340;
const AREA = { left: 56, right: 190, top: 40, bottom: 30 };
const LABEL = 14;

/** Lines on scales of powers of ten, each with its name at its end. */
export function lineChart({ title, alternative, lines }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  const xs = decades(points.map(({ x }) => x));
  const ys = decades(points.map(({ y }) => y));
  const [width, height] = [WIDTH - AREA.left - AREA.right, HEIGHT - AREA.top - AREA.bottom];
  const atX = (x: number) => AREA.left + position(x, xs) * width;
  const atY = (y: number) => AREA.top + (1 - position(y, ys)) * height;
  const parts: string[] = [];
  for (let power = ys.from; power <= ys.to; power++) {
    const y = atY(10 ** power).toFixed(1);
    parts.push(
      `<line class="rule" x1="${AREA.left}" x2="${AREA.left + width}" y1="${y}" y2="${y}"/>`,
      `<text class="faint" x="${AREA.left - 6}" y="${Number(y) + 4}" text-anchor="end">${showRate(10 ** power)}</text>`,
    );
  }
  for (let power = xs.from; power <= xs.to; power++) {
    const x = atX(10 ** power).toFixed(1);
    parts.push(
      `<text class="faint" x="${x}" y="${HEIGHT - 8}" text-anchor="middle">${showRate(10 ** power)}</text>`,
    );
  }
  const ends = lines
    .map((line, index) => ({ name: line.name, index, y: atY(line.points.at(-1)?.y ?? 1) }))
    .sort((a, b) => a.y - b.y);
  let below = 0;
  for (const { name, index, y } of ends) {
    const place = Math.max(y + 4, below);
    below = place + LABEL; // names that would lie on each other are moved down
    parts.push(
      `<circle class="${colourClass(index)}" cx="${AREA.left + width + 12}" cy="${(place - 4).toFixed(1)}" r="4"/>`,
      `<text x="${AREA.left + width + 20}" y="${place.toFixed(1)}">${escapeXml(name)}</text>`,
    );
  }
  for (const [index, line] of lines.entries()) {
    const path = line.points.map(({ x, y }) => `${atX(x).toFixed(1)},${atY(y).toFixed(1)}`).join(" ");
    parts.push(`<polyline class="${colourClass(index)} line" points="${path}"/>`);
    for (const { x, y } of line.points)
      parts.push(
        `<circle class="${colourClass(index)}" cx="${atX(x).toFixed(1)}" cy="${atY(y).toFixed(1)}" r="3"/>`,
      );
  }
  return picture({ width: WIDTH, height: HEIGHT, title, alternative }, parts);
}
