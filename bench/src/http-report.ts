import { type Comparison, markOf } from "./comparison.js";
import type { HttpRow } from "./http.js";
import { rateRatio, summarise } from "./results.js";
import { type Spread, showMicroseconds, showRate, showRatio, showSpread } from "./statistics.js";
import type { Table } from "./table.js";

/** The rows that stand in one table: the applications of one family, on one route of one stack. */
export function groupHttp(rows: readonly HttpRow[]): HttpRow[][] {
  const groups = new Map<string, HttpRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.store, row.stack, row.route, row.connections]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

/** What a route does, in words. */
const MEANING = {
  read: "reads the session",
  modify: "changes the session",
  idle: "reads the session, which has an idle timeout of 30 minutes",
} as const;

/** One table: requests a second, CPU time, and how many times as many ours answers as each other. */
export function httpTable(rows: readonly HttpRow[], comparison?: Comparison): Table {
  const [first] = rows;
  const ours = rows.filter(({ role }) => role === "ours");
  const summaries = rows.map(({ rounds }) => summarise(rounds));
  const hasServer = summaries.some(({ server }) => server !== undefined);
  const value = (spread: Spread | undefined, show: (value: number) => string) =>
    spread === undefined ? "-" : show(spread.median);
  const body = rows.map((row, index) => {
    const { perSecond, p99, client, server } = summaries[index] ?? {};
    return [
      row.contender,
      row.durability,
      perSecond === undefined ? "void" : showSpread(perSecond, showRate),
      value(p99, showMicroseconds),
      value(client, showMicroseconds),
      ...(hasServer ? [value(server, showMicroseconds)] : []),
      ...ours.map((mine) => (mine === row || row.role === "ours" ? "" : ratio(mine, row, comparison))),
    ];
  });
  const columns = ours.map(({ contender }) => `${contender.replace("@scs/session on ", "")} / it`);
  return {
    title: `HTTP, ${first?.store}: ${first?.stack}, a route that ${MEANING[first?.route ?? "read"]}, ${first?.connections} connections`,
    rows: [
      ["", "survives", "requests/s", "p99", "CPU", ...(hasServer ? ["server CPU"] : []), ...columns],
      ...body,
    ],
    notes: rows.flatMap(({ contender }, index) => {
      const failure = summaries[index]?.failure;
      return failure === undefined ? [] : [`${contender}: void, ${failure}`];
    }),
  };
}

/** Ours and each of the others, of those that stand in one table. */
export function httpPairs(rows: readonly HttpRow[]): [HttpRow, HttpRow][] {
  const ours = rows.filter(({ role }) => role === "ours");
  const others = rows.filter(({ role }) => role !== "ours");
  return ours.flatMap((mine) => others.map((row): [HttpRow, HttpRow] => [mine, row]));
}

function ratio(mine: HttpRow, row: HttpRow, comparison: Comparison | undefined): string {
  const found = rateRatio(mine, row);
  if (found === undefined) return "-";
  const text = `${showSpread(found, showRatio)}${markOf(comparison?.agreesOverHttp(mine, row), comparison)}`;
  return mine.durability === row.durability || row.role === "limit" ? text : `[${text}]`;
}
