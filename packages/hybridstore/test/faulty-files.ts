import { type Files, systemFiles } from "../src/log/files.js";

export interface Faults {
  /** Index of the first failing call, from 0, and the number of failing calls. */
  from: number;
  count: number;
  code: string;
  /** Whether a failing write writes a part. */
  isShort?: boolean;
  /** Selects the counted calls. @default all */
  of?: readonly (keyof Files)[];
}

/** The file system, with some failing calls. */
export class FaultyFiles {
  /** The names of the calls so far, with their paths. */
  readonly calls: string[] = [];
  failed = 0;
  faults: Faults | undefined;
  readonly files: Files;
  #counted = 0;

  constructor(faults?: Faults) {
    this.faults = faults;
    const names = Object.keys(systemFiles) as (keyof Files)[];
    this.files = Object.fromEntries(names.map((name) => [name, this.#wrap(name)])) as unknown as Files;
  }

  /** Returns whether there was a call of this name on such a path. */
  hasCalled(name: keyof Files, path: string): boolean {
    return this.calls.some((call) => call.startsWith(name) && call.includes(path));
  }

  #wrap(name: keyof Files) {
    const call = systemFiles[name] as (...args: unknown[]) => Promise<unknown>;
    return async (...args: unknown[]): Promise<unknown> => {
      this.calls.push(`${name} ${typeof args[0] === "string" ? args.join(" ") : ""}`);
      const { faults } = this;
      if (faults === undefined || (faults.of && !faults.of.includes(name))) return call(...args);
      const index = this.#counted++;
      if (index < faults.from || index >= faults.from + faults.count) return call(...args);
      this.failed++;
      if (name === "write" && faults.isShort) {
        const [file, bytes, offset, length, position] = args as Parameters<Files["write"]>;
        await systemFiles.write(file, bytes, offset, Math.ceil(length / 2), position);
      }
      throw Object.assign(new Error(`${faults.code}: injected, ${name}`), { code: faults.code });
    };
  }
}
