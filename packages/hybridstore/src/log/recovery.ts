import { constants } from "node:fs";
import { basename, join } from "node:path";
import { report, StoreError } from "@scs/core";
import type { Sessions } from "../sessions.js";
import { type FileName, parseName, pathOf } from "./file-names.js";
import { FileWindow } from "./file-window.js";
import { type Files, removeFile } from "./files.js";
import type { LogEnd } from "./log.js";
import { BEGIN_BYTES, FORMAT, type Head, kinds, readHead } from "./record.js";
import { type Finding, type ReadEnd, readRecords } from "./record-reader.js";

export interface Recovered {
  /** The position to continue from. */
  log: LogEnd;
  /** Paths of damaged files, to be kept under another name when they are no longer needed. */
  damaged: string[];
}

/** The files of a store, in the order of reading. */
export interface StoreFiles {
  snapshot: FileName | undefined;
  logs: FileName[];
  /** Paths of files that a snapshot has replaced, and of unfinished files. */
  useless: string[];
}

/** Names of unfinished files. Their creators are dead; the creator of a lock file would create it again. */
const UNFINISHED = /^(snapshot-\d+-[0-9a-f]{8}|lock\.[0-9a-f]{16})\.tmp$/;

/** Lists the files of a store. */
export async function listFiles(files: Files, directory: string): Promise<StoreFiles> {
  const names = await files.list(directory);
  const known = names.map(parseName).filter((name) => name !== undefined);
  known.sort((a, b) => a.generation - b.generation);
  const snapshot = known.findLast(({ kind }) => kind === "snapshot");
  const isUseless = (name: FileName): boolean =>
    snapshot !== undefined &&
    name !== snapshot &&
    name.generation < snapshot.generation + (name.kind === "log" ? 0 : 1);
  return {
    snapshot,
    logs: known.filter((name) => name.kind === "log" && !isUseless(name)),
    useless: [
      ...known.filter(isUseless).map((name) => pathOf(directory, name)),
      ...names.filter((name) => UNFINISHED.test(name)).map((name) => join(directory, name)),
    ],
  };
}

/** Loads the sessions from snapshot and logs, and truncates an unfinished write. */
export class Recovery {
  readonly #files: Files;
  readonly #directory: string;
  readonly #sessions: Sessions;
  readonly #onError: (error: StoreError) => void;
  readonly #damaged: Set<string> = new Set();
  /** Sequence number of the last record read. */
  #sequence = 0;
  /** Ranges of sequence numbers of failed records that could not be truncated: after the first, up to the second. */
  readonly #refused: [number, number][] = [];

  constructor(files: Files, directory: string, sessions: Sessions, onError: (error: StoreError) => void) {
    this.#files = files;
    this.#directory = directory;
    this.#sessions = sessions;
    this.#onError = onError;
  }

  async run({ snapshot, logs, useless }: StoreFiles): Promise<Recovered> {
    for (const path of useless) await removeFile(this.#files, path);
    const base = snapshot && (await this.#readSnapshot(snapshot));
    if (snapshot !== undefined && logs[0]?.generation !== snapshot.generation) {
      this.#report(pathOf(this.#directory, snapshot), "the log behind this snapshot is missing");
    }
    const begins: (Head | undefined)[] = [];
    for (const log of logs) begins.push(await this.#readBegin(log));
    this.#sequence = base ?? begins[0]?.expiry ?? 0;
    let generation = (snapshot?.generation ?? 0) + 1;
    let position: number | undefined;
    let size = 0;
    let bytes = 0;
    for (const log of logs) {
      const read = await this.#readLog(log);
      const { end } = read;
      const isUnreadable = end === 0 && read.isTorn && read.size >= BEGIN_BYTES;
      const path = pathOf(this.#directory, log);
      if (isUnreadable) this.#report(path, "it is damaged, and no record is left");
      else if (read.isTorn && log === logs.at(-1)) await this.#cut(path, end, read.size);
      generation = log.generation + (isUnreadable ? 1 : 0); // kept for examination
      position = end === 0 ? undefined : end; // a file without its first record is created again
      size = read.isTorn ? end : read.size;
      bytes += end;
    }
    const lastSequence = this.#sequence;
    const olderBytes = bytes - (position ?? 0);
    return { log: { generation, position, size, olderBytes, lastSequence }, damaged: [...this.#damaged] };
  }

  /** Returns the sequence number of the last record before the snapshot, from its first record. */
  async #readSnapshot(name: FileName): Promise<number | undefined> {
    const path = pathOf(this.#directory, name);
    let isComplete = false;
    let before: number | undefined;
    const { size } = await this.#read(path, name.mark, (finding) => {
      if (finding.what !== "record") return;
      if (finding.head.kind === kinds.begin) before = finding.head.expiry;
      if (finding.head.kind === kinds.end) isComplete = true;
    });
    if (!isComplete) this.#report(path, `the snapshot ends too early, after ${size} bytes`);
    return before;
  }

  async #readBegin(name: FileName): Promise<Head | undefined> {
    return FileWindow.over(this.#files, pathOf(this.#directory, name), async (window) => {
      await window.load(0, BEGIN_BYTES);
      const head = readHead(window.bytes, 0, name.mark);
      if (head?.kind !== kinds.begin) return undefined;
      if (head.expiry < head.sequence) this.#refused.push([head.expiry, head.sequence]);
      return head;
    });
  }

  async #readLog(name: FileName): Promise<ReadEnd & { size: number }> {
    const path = pathOf(this.#directory, name);
    return this.#read(path, name.mark, (finding) => {
      if (finding.what !== "record" || finding.head.kind !== kinds.begin) return;
      const missing = finding.head.expiry - this.#sequence;
      if (missing > 0) this.#report(path, `up to ${missing} records that came before it are missing`);
      this.#sequence = Math.max(this.#sequence, finding.head.sequence); // never reuse a number, even of a failed record
    });
  }

  async #read(
    path: string,
    mark: number,
    look: (finding: Finding) => void,
  ): Promise<ReadEnd & { size: number }> {
    let lostFrom: Finding | undefined;
    const found = (finding: Finding): void => {
      look(finding);
      if (finding.what === "damaged") lostFrom = finding;
      else if (finding.what === "mended") {
        this.#report(
          path,
          `one byte of the record at byte ${finding.position} was damaged, and has been put right`,
        );
      } else {
        if (lostFrom?.what === "damaged") {
          const lost = Math.max(0, finding.head.sequence - this.#sequence - 1);
          this.#report(
            path,
            `bytes ${lostFrom.position} to ${lostFrom.end} are damaged; up to ${lost} records are lost`,
          );
          lostFrom = undefined;
        }
        this.#apply(path, finding);
      }
    };
    return FileWindow.over(this.#files, path, async (window) => {
      const read = await readRecords(window, mark, this.#sequence, found);
      return { ...read, size: window.size };
    });
  }

  #apply(path: string, { head, data, position }: Finding & { what: "record" }): void {
    const { kind, token, expiry, sequence } = head;
    if (kind === kinds.begin) {
      if (token === FORMAT) return;
      throw new StoreError("UNAVAILABLE", `hybridstore: ${basename(path)} is of another version: ${token}`);
    }
    this.#sequence = sequence;
    if (this.#refused.some(([from, to]) => sequence > from && sequence <= to)) return;
    const sessions = this.#sessions;
    if (kind === kinds.put && data !== undefined) sessions.restore(token, data, expiry);
    else if (kind === kinds.touch) {
      const item = sessions.map.get(token);
      if (item !== undefined) item.expiry = expiry;
    } else if (kind !== kinds.end) {
      if (data === undefined)
        this.#report(path, `the data of the record at byte ${position} is damaged; its session is lost`);
      sessions.remove(token); // an older state must not come back
    }
  }

  /** Truncates the write that was in progress when the process or system ended. */
  async #cut(path: string, end: number, size: number): Promise<void> {
    const what = `the log ends at byte ${end}; ${size - end} bytes behind it make no whole record, and are cut off`;
    report(this.#onError, new StoreError("CORRUPT", `hybridstore: ${basename(path)}: ${what}`));
    if (end === 0) return; // it is created again
    const file = await this.#files.open(path, constants.O_RDWR);
    try {
      await this.#files.truncate(file, end);
      await this.#files.datasync(file);
    } finally {
      await this.#files.close(file);
    }
  }

  #report(path: string, what: string): void {
    this.#damaged.add(path);
    report(this.#onError, new StoreError("CORRUPT", `hybridstore: ${basename(path)}: ${what}`));
  }
}
