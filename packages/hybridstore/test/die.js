// Opens the store in a directory, commits, and dies by SIGKILL before the n-th call of the file system. Reports the
// acknowledged writes.
import { systemFiles } from "../dist/log/files.js";
import { openWith } from "../dist/open.js";

const [directory, last, first] = process.argv.slice(2);
let left = Number(last);
const names = /** @type {(keyof import("../src/log/files.js").Files)[]} */ (Object.keys(systemFiles));
const files = Object.fromEntries(
  names.map((name) => [
    name,
    /** @param {unknown[]} args */
    (...args) => {
      if (left-- === 0) process.kill(process.pid, "SIGKILL");
      const call = /** @type {(...args: unknown[]) => Promise<unknown>} */ (systemFiles[name]);
      return call(...args);
    },
  ]),
);

const store = await openWith(
  /** @type {typeof systemFiles} */ (/** @type {unknown} */ (files)),
  String(directory),
  {
    cleanupIntervalMs: 0,
    snapshotRatio: 0.01,
    minLogBytes: 300,
  },
);
for (let n = Number(first); ; n++) {
  await store.commit(`t${n}`, new Uint8Array(50).fill(n), new Date(4_000_000_000_000));
  await store.delete(`t${n - 10}`);
  process.send?.(n);
}
