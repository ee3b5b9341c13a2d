import { isWhole, type Operation } from "../scenarios/operation.js";
import type { Cell, StoreResults } from "../scenarios/results.js";
import { rateRatio, showMicroseconds, showRate, showRatio, showSpread, summarise } from "./statistics.js";
import type { Table } from "./table.js";

/** The cells of one size of session and one number of calls in flight. */
interface Group {
  size: number;
  inFlight: number;
  cells: Cell[];
}

function groupsOf({ cells }: StoreResults): Group[] {
  const groups = new Map<string, Group>();
  const most = Math.max(...cells.map(({ inFlight }) => inFlight));
  for (const cell of cells) {
    const { size, operation } = cell;
    const inFlight = isWhole(operation) ? most : cell.inFlight; // one call for all sessions fits no group
    const key = JSON.stringify([size, inFlight]);
    const group = groups.get(key) ?? { size, inFlight, cells: [] };
    group.cells.push(cell);
    groups.set(key, group);
  }
  return [...groups.values()].sort((a, b) => a.size - b.size || b.inFlight - a.inFlight);
}

/** Returns our contender that does the same work as this one: on objects beside peers, on bytes beside drivers. */
export function counterpart(store: string, name: string, { contenders }: StoreResults): string | undefined {
  const facts = contenders[name];
  if (facts === undefined || facts.role === "ours") return undefined;
  const ours = Object.keys(contenders).filter((each) => contenders[each]?.role === "ours");
  const like = ours.filter((each) => contenders[each]?.takes === facts.takes);
  return like.find((each) => each === store || each === `${store} + JSON`) ?? like[0];
}

/** Lists the tables of a store: rates, then ratios, then times. */
export function tablesOf(store: string, results: StoreResults): Table[] {
  return groupsOf(results).flatMap(({ size, inFlight, cells }) => {
    const operations = [...new Set(cells.map(({ operation }) => operation))];
    const names = Object.keys(results.contenders);
    const cellOf = (name: string | undefined, operation: Operation) =>
      cells.find((cell) => cell.contender === name && cell.operation === operation);
    const title = (what: string) =>
      `${store}: ${what}, ${inFlight} in flight, ${results.sessions} sessions of ${size} bytes`;
    const tableOf = (what: string, show: (name: string, operation: Operation) => string): Table => {
      const rows = names.map((name) => [label(name, results), ...operations.map((each) => show(name, each))]);
      const shown = rows.filter(([, ...values]) => values.some((value) => value !== ""));
      return { title: title(what), rows: [["", ...operations], ...shown] };
    };
    const summaryOf = (name: string, operation: Operation) =>
      summarise(cellOf(name, operation)?.rounds ?? []);
    const value = (key: "p99" | "cpu") => (name: string, operation: Operation) => {
      const { [key]: found } = summaryOf(name, operation);
      return found === undefined ? "" : showMicroseconds(found.median);
    };
    return [
      tableOf("calls a second, median (min–max)", (name, operation) => {
        const { perSecond, failure } = summaryOf(name, operation);
        if (failure !== undefined) return "void";
        return perSecond === undefined ? "" : showSpread(perSecond, showRate);
      }),
      tableOf(`how many times as fast ${store} is, median (min–max)`, (name, operation) => {
        const ours = cellOf(counterpart(store, name, results), operation);
        const theirs = cellOf(name, operation);
        const ratio = ours && theirs && rateRatio(ours.rounds, theirs.rounds);
        return ratio === undefined ? "" : showSpread(ratio, showRatio);
      }),
      tableOf("99 % of the calls take at most", value("p99")),
      tableOf("CPU time of a call, without the database server", value("cpu")),
    ].filter(({ rows }) => rows.length > 1);
  });
}

function label(name: string, { contenders }: StoreResults): string {
  const { role, durability } = contenders[name] ?? {};
  return role === "ours" ? `${name} (${durability})` : `${name} (${role}, ${durability})`;
}

/** Lists the void cells with their reasons. */
export function failuresOf(store: string, { cells }: StoreResults): string[] {
  return cells.flatMap(({ contender, operation, inFlight, rounds }) => {
    const { failure } = summarise(rounds);
    return failure === undefined
      ? []
      : [`${store}: ${contender}, ${operation}, ${inFlight} in flight: ${failure}`];
  });
}

export const LEGEND = `memory: an acknowledged write survives nothing; process: kill -9; flushed: a power failure.
Ratios compare with peers on objects (ours with JSON), and with drivers on bytes.
entries and deleteExpired: sessions a second, one call taking all of them. http: requests a second.`;
