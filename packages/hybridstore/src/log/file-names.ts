import { join } from "node:path";

export interface FileName {
  kind: "log" | "snapshot";
  generation: number;
  /** See `record.ts`. Part of the name, where damage to the file does not reach it. */
  mark: number;
}

/** Returns the path of a log or a snapshot, such as `log-3-9f86d081`. */
export function pathOf(directory: string, { kind, generation, mark }: FileName): string {
  return join(directory, `${kind}-${generation}-${mark.toString(16).padStart(8, "0")}`);
}

/** Parses the name of a log or a snapshot; returns `undefined` for any other name. */
export function parseName(name: string): FileName | undefined {
  const [, kind, generation, mark] = /^(log|snapshot)-(\d{1,15})-([0-9a-f]{8})$/.exec(name) ?? [];
  if (kind === undefined) return undefined;
  return {
    kind: kind as FileName["kind"],
    generation: Number(generation),
    mark: Number.parseInt(mark ?? "", 16),
  };
}
