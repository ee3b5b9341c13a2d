import type { Halfway } from "./fault-injector.js";

/** Returns a function that writes half of the bytes in argument `at`; `undefined` for functions that do not write. */
export function halfwayOf(name: string, at: number): Halfway | undefined {
  if (!/^(write|writev|writeFile|appendFile)$/.test(name)) return undefined;
  return (call, args) => {
    const half = args.slice();
    const data = args[at];
    if (typeof data === "string" || Array.isArray(data)) half[at] = data.slice(0, data.length >> 1);
    if (data instanceof Uint8Array) {
      const offset = typeof args[at + 1] === "number" ? (args[at + 1] as number) : 0;
      const length = typeof args[at + 2] === "number" ? (args[at + 2] as number) : data.length - offset;
      const first = data.subarray(offset, offset + (length >> 1));
      half[at] = first;
      if (typeof args[at + 1] === "number") half[at + 1] = 0;
      if (typeof args[at + 2] === "number") half[at + 2] = first.length;
    }
    return call(...half);
  };
}
