import { type Files, systemFiles } from "../src/log/files.js";

export interface Faults {
  /** The first call that fails, counted from 0, and how many do. */
  from: number;
  count: number;
  code: string;
  /** Whether a write that fails has written a part. */
  isShort?: boolean;
  /** Which calls are counted. @default all */
  of?: readonly (keyof Files)[];
}

/** The system's files, of which some calls fail. */
export class FaultyFiles {
  /** The names of the calls so far, and what they were about, if that is a path. */
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

  /** Whether there was a call of this name on such a path. */
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
