import Table from "cli-table3";

export type Cell = string | number | undefined;

/** Writes the output of a command: text for people, or JSON for programs. */
export class Output {
  readonly isJson: boolean;
  readonly #stream: NodeJS.WritableStream;

  constructor(isJson: boolean, stream: NodeJS.WritableStream = process.stdout) {
    this.isJson = isJson;
    this.#stream = stream;
  }

  /** Writes the result of a command: one line of JSON with `--json`, otherwise the text of `show`. */
  async result(value: object, show: () => string): Promise<void> {
    await this.line(this.isJson ? JSON.stringify(value) : show());
  }

  /** Writes a line, and waits for a slow reader. */
  async line(text: string): Promise<void> {
    if (this.#stream.write(`${text}\n`)) return;
    await new Promise<void>((resolve) => this.#stream.once("drain", resolve));
  }
}

/** Formats a table with a heading. */
export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const drawn = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  for (const row of rows) drawn.push(row.map((cell) => printable(cell ?? "–")));
  return drawn.toString();
}

/** Formats pairs of names and values, one per line. */
export function pairs(rows: readonly (readonly [string, Cell])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${printable(value ?? "–")}`).join("\n");
}

/** Replaces control characters, which a terminal would execute: names and descriptions come from visitors. */
function printable(cell: string | number): string {
  return String(cell).replaceAll(/\p{Cc}/gu, "\u{fffd}");
}

export function count(value: number): string {
  return value.toLocaleString("en");
}

/** Formats a number of bytes with a unit. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(value, 1)) / 10)));
  const scaled = value / 1024 ** power;
  return `${scaled.toFixed(power === 0 || scaled >= 100 ? 0 : 1)} ${units[power]}`;
}

/** Formats a time in the machine's time zone, to the second. */
export function time(date: Date | undefined): string | undefined {
  return date?.toLocaleString("sv", { timeZoneName: "short" });
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
