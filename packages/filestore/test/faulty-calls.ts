import fs from "node:fs";
import { onTestFinished } from "vitest";

const NAMES = [
  "access",
  "close",
  "fdatasync",
  "fsync",
  "link",
  "lstat",
  "mkdir",
  "open",
  "read",
  "readFile",
  "readdir",
  "rename",
  "unlink",
  "write",
] as const;

type Name = (typeof NAMES)[number] | "openSync";
type Callback = (error: NodeJS.ErrnoException | null, ...results: unknown[]) => void;

/**
 * Decides for each call what becomes of it: nothing for as it is, the code of the error that it fails with, or (not
 * for `openSync`) what it is to wait for.
 */
export type Fault = (call: {
  name: Name;
  index: number;
  args: unknown[];
}) => string | undefined | Promise<void>;

/** Intercepts the callback functions of `node:fs`, and `openSync`, until the test ends. */
export class FaultyCalls {
  fault: Fault = () => undefined;
  /** Names of the calls so far. */
  made: Name[] = [];

  constructor() {
    for (const name of NAMES) {
      const original = fs[name] as (...args: unknown[]) => void;
      const replaced = (...args: unknown[]): void => {
        const callback = args.at(-1) as Callback;
        const code = this.fault({ name, index: this.made.push(name) - 1, args });
        if (code === undefined) original(...args);
        else if (code instanceof Promise) void code.then(() => original(...args));
        else if (name === "close")
          original(args[0], () => callback(failure(code, name))); // the descriptor is closed anyway
        else setImmediate(callback, failure(code, name));
      };
      Object.assign(fs, { [name]: replaced });
      onTestFinished(() => void Object.assign(fs, { [name]: original }));
    }
    const { openSync } = fs;
    fs.openSync = (...args) => {
      const code = this.fault({ name: "openSync", index: this.made.push("openSync") - 1, args });
      if (typeof code === "string") throw failure(code, "openSync");
      return openSync(...args);
    };
    onTestFinished(() => void Object.assign(fs, { openSync }));
  }

  /** Runs `work` with `fault` and a new count. Returns its outcome. */
  async during<T>(fault: Fault, work: () => Promise<T>): Promise<PromiseSettledResult<T>> {
    this.made = [];
    this.fault = fault;
    const [outcome] = await Promise.allSettled([work()]);
    this.fault = () => undefined;
    return outcome as PromiseSettledResult<T>;
  }
}

function failure(code: string, name: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: of the test, ${name}`), { code });
}
