import { DELAYED_BY, GROWING, type GrowthFigures, type GrowthRow } from "./growth.js";
import type { ProcessesRow } from "./processes.js";
import { type Spread, showRate, showSpread, spread } from "./statistics.js";
import type { Table } from "./table.js";

/** What the rounds say of one figure; nothing if one of them failed, or does not have it. */
export function growthOf(
  row: GrowthRow,
  figure: (figures: GrowthFigures) => number | undefined,
): Spread | undefined {
  const values = row.rounds.flatMap((round) => ("failure" in round ? [] : (figure(round) ?? [])));
  return values.length === row.rounds.length && values.length > 0 ? spread(values) : undefined;
}

/** Of a store that keeps its sessions elsewhere, only what the collector leaves shows: nothing that could be told. */
const notBelowZero = (bytes: number | undefined) => (bytes === undefined || bytes < 0 ? undefined : bytes);
const whole = (value: number) => value.toFixed(0);
const tenth = (value: number) => value.toFixed(1);

/** One table for a store: how it grows. */
export function growthTable(store: string, rows: readonly GrowthRow[]): Table {
  const show = (
    row: GrowthRow,
    figure: (figures: GrowthFigures) => number | undefined,
    text: (value: number) => string,
  ) => {
    const values = growthOf(row, figure);
    if (values !== undefined) return showSpread(values, text);
    return row.rounds.some((round) => "failure" in round) ? "void" : "-";
  };
  const ofStore = rows.filter((row) => row.store === store).sort((a, b) => a.sessions - b.sessions);
  const lines: [string, (figures: GrowthFigures) => number | undefined, (value: number) => string][] = [
    ...GROWING.map((operation): (typeof lines)[number] => [
      `${operation} a second, 64 in flight`,
      (each) => each.perSecond[operation],
      showRate,
    ]),
    ["JavaScript heap and buffers, bytes a session", (each) => notBelowZero(each.bytesPerSession), whole],
    ["on disk, bytes a session", (each) => each.diskBytesPerSession, whole],
    ["opening, ms", (each) => each.openingMs, tenth],
    ["longest commit while it grew (files not flushed), ms", (each) => each.longestCommitMs, tenth],
    ...DELAYED_BY.flatMap((cause): typeof lines => [
      [`${cause}: event loop held at most, ms`, (each) => each.delays[cause]?.turnMax, tenth],
      [`${cause}: timer late, p99, ms`, (each) => each.delays[cause]?.timerP99, tenth],
      [`${cause}: in all, ms`, (each) => (cause === "idle" ? undefined : each.delays[cause]?.total), tenth],
    ]),
  ];
  const body = lines
    .map(([name, figure, text]) => [name, ...ofStore.map((row) => show(row, figure, text))])
    .filter(([, ...cells]) => cells.some((cell) => cell !== "-"));
  return {
    title: `${store}: growth, ${ofStore[0]?.size} bytes each, median (min–max)`,
    rows: [["sessions", ...ofStore.map(({ sessions }) => sessions.toLocaleString("en"))], ...body],
  };
}

/** One table for all stores that processes share. */
export function processesTable(rows: readonly ProcessesRow[]): Table {
  const counts = [...new Set(rows.map(({ processes }) => processes))].sort((a, b) => a - b);
  const names = [...new Set(rows.map(({ store, operation }) => JSON.stringify([store, operation])))];
  const body = names.map((name) => {
    const [store, operation] = JSON.parse(name) as [string, string];
    const cells = counts.map((count) => {
      const row = rows.find(
        (each) => each.store === store && each.operation === operation && each.processes === count,
      );
      if (row === undefined) return "-";
      const rates = row.rounds.flatMap((round) => ("failure" in round ? [] : round.perSecond));
      return rates.length === row.rounds.length ? showSpread(spread(rates), showRate) : "void";
    });
    return [`${store}, ${operation}`, ...cells];
  });
  const { sessions, size, inFlight } = rows[0] ?? { sessions: 0, size: 0, inFlight: 0 };
  return {
    title: `Several processes on one backend: calls a second of all of them, ${inFlight} in flight in each, ${sessions} sessions of ${size} bytes, median (min–max)`,
    rows: [["processes", ...counts.map(String)], ...body],
  };
}
