import { barChart } from "./bar-chart.js";
import { GROWING, type GrowthFigures } from "./growth.js";
import { growthOf } from "./growth-report.js";
import { httpCharts } from "./http-charts.js";
import { lineChart } from "./line-chart.js";
import type { Operation } from "./operation.js";
import { type CellGroup, groupCells } from "./report.js";
import { type ContenderFacts, type Results, summarise } from "./results.js";
import { showRate } from "./statistics.js";

/** A picture for the documentation, and what it shows in words. */
export interface Chart {
  /** Of its file, without the ending. */
  name: string;
  svg: string;
  alternative: string;
}

const SHOWN: readonly Operation[] = ["find", "insert", "update", "replace", "touch", "delete", "mix"];
const IN_FLIGHT = 64;

/** Calls a second, 64 in flight, by operation: one chart for each store; and how stores grow. */
export function chartsOf(results: Results): Chart[] {
  const groups = groupCells(results.cells);
  const stores = [...new Set(groups.map(({ store }) => store))];
  return [
    ...stores.flatMap((store) =>
      chartOf(
        store,
        groups.filter((group) => group.store === store),
        results.contenders[store] ?? {},
      ),
    ),
    ...growthCharts(results),
    ...httpCharts(results.http),
  ];
}

function chartOf(
  store: string,
  groups: readonly CellGroup[],
  facts: Record<string, ContenderFacts>,
): Chart[] {
  const [first] = groups;
  const shown = groups.filter(
    ({ operation, inFlight, size, sessions }) =>
      SHOWN.includes(operation) &&
      inFlight === IN_FLIGHT &&
      size === first?.size &&
      sessions === first?.sessions,
  );
  if (shown.length === 0) return [];
  const names = [...new Set(shown.flatMap(({ rows }) => rows.map(({ contender }) => contender)))];
  const value = (group: CellGroup, name: string) => {
    const row = group.rows.find(({ contender }) => contender === name);
    return row === undefined ? undefined : summarise(row.rounds).perSecond?.median;
  };
  const series = names.map((name) => ({
    name: `${name} (${facts[name]?.durability})`,
    role: facts[name]?.role ?? "peer",
  }));
  const title = `${store}: calls a second, ${IN_FLIGHT} in flight (powers of ten)`;
  const bars = shown.map((group) => ({
    name: group.operation,
    values: names.map((name) => value(group, name)),
  }));
  const alternative = bars
    .map(({ name, values }) => {
      const parts = values.flatMap((each, index) =>
        each === undefined ? [] : `${names[index]} ${showRate(each)}`,
      );
      return `${name}: ${parts.join(", ")}`;
    })
    .join("; ");
  return [{ name: store, svg: barChart({ title, alternative, series, groups: bars }), alternative }];
}

function growthCharts({ growth }: Results): Chart[] {
  const stores = [...new Set(growth.map(({ store }) => store))];
  const figures: [name: string, title: string, figure: (figures: GrowthFigures) => number | undefined][] = [
    ...GROWING.map((operation): (typeof figures)[number] => [
      `growth-${operation}`,
      `${operation}: calls a second, 64 in flight, by number of sessions (powers of ten)`,
      ({ perSecond }) => perSecond[operation],
    ]),
    [
      "growth-memory",
      "JavaScript heap and buffers, bytes a session, by number of sessions (powers of ten)",
      ({ bytesPerSession }) => bytesPerSession,
    ],
    ["growth-opening", "opening, ms, by number of sessions (powers of ten)", ({ openingMs }) => openingMs],
  ];
  return figures.flatMap(([name, title, figure]): Chart[] => {
    const lines = stores.map((store) => ({
      name: store,
      points: growth
        .filter((row) => row.store === store)
        .flatMap((row) => {
          const median = growthOf(row, figure)?.median;
          return median === undefined || median <= 0 ? [] : [{ x: row.sessions, y: median }];
        })
        .sort((a, b) => a.x - b.x),
    }));
    const drawn = lines.filter(({ points }) => points.length > 1);
    if (drawn.length === 0) return [];
    const alternative = drawn
      .map(
        (line) =>
          `${line.name}: ${line.points.map(({ x, y }) => `${showRate(y)} at ${showRate(x)}`).join(", ")}`,
      )
      .join("; ");
    return [{ name, svg: lineChart({ title, alternative, lines: drawn }), alternative }];
  });
}
