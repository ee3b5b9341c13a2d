/** A table with its heading. The first row names the columns. */
export interface Table {
  title: string;
  rows: readonly (readonly string[])[];
  /** What is said below it. */
  notes?: readonly string[];
}

/** Lays out rows in columns; the first row is the heading, the first column is aligned left. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  lines.splice(1, 0, widths.map((width) => "-".repeat(width)).join("  "));
  return lines.join("\n");
}

export function asText({ title, rows, notes = [] }: Table): string {
  return [title, "", table(rows), ...notes.flatMap((note) => ["", note])].join("\n");
}

export function asMarkdown({ title, rows, notes = [] }: Table): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = head.map((_, column) => (column === 0 ? "---" : "--:"));
  return [
    `**${title}**`,
    "",
    line(head),
    line(rule),
    ...body.map(line),
    ...notes.flatMap((note) => ["", note]),
  ].join("\n");
}
