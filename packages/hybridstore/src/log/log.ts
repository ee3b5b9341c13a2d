import { constants } from "node:fs";
import { StoreError } from "@scs/core";
import type { DirectoryLock } from "../lock/directory-lock.js";
import { isNoSpace } from "./errors.js";
import { pathOf } from "./file-names.js";
import { type Files, removeFile, syncDirectory, writeAll } from "./files.js";
import { BEGIN_BYTES, beginRecord } from "./record.js";

/** Where a log ends. */
export interface LogEnd {
  generation: number;
  /** Its size in bytes, or `undefined` if there is no such file yet. */
  position: number | undefined;
  /** The size of the file, which may go on with zeros. */
  size: number;
  /** The size of the logs before it that no snapshot covers. */
  olderBytes: number;
  /** The sequence number of the last record that counts. */
  lastSequence: number;
}

/** So much is filled ahead: a few thousand small records, written in a millisecond or two. */
const ZEROS: Buffer = Buffer.alloc(1_048_576);

export interface LogOptions {
  directory: string;
  mark: number;
  files: Files;
  /** Whether what is appended is to survive a power failure at once. */
  isFlushed: boolean;
  /** Tells whether the directory is the store's. */
  lock: Pick<DirectoryLock, "assertHeld" | "assertHeldLately">;
}

/**
 * The log that is written to. What has failed to be written is cut off, or left behind in a file that nobody reads
 * so far, before anything else is appended: positions are told to the system, so that nothing slips in behind it.
 */
export class Log {
  readonly #options: LogOptions;
  #file = -1;
  #generation: number;
  #position = 0;
  /** To here the file has been written, be it with zeros. */
  #filled = 0;
  #olderBytes: number;
  #lastSequence: number;
  /** The highest number that was ever given, of records that count or not. */
  #highestSequence: number;
  #isTorn = false;
  #isNameLost = false;
  #isClosed = false;

  private constructor(options: LogOptions, { generation, olderBytes, lastSequence }: LogEnd) {
    this.#options = options;
    this.#generation = generation;
    this.#olderBytes = olderBytes;
    this.#lastSequence = lastSequence;
    this.#highestSequence = lastSequence;
  }

  /** Opens the log at its end, or makes it. */
  static async open(options: LogOptions, end: LogEnd): Promise<Log> {
    const log = new Log(options, end);
    if (end.position === undefined) {
      log.#generation--;
      try {
        await log.rotate();
      } catch (error) {
        await log.close();
        throw error;
      }
    } else {
      const { O_RDWR } = constants;
      log.#file = await options.files.open(log.#path(end.generation), O_RDWR | log.#flags());
      log.#position = end.position;
      log.#filled = end.size;
      log.#isNameLost = true; // whoever has made it may have died before its name was on the disk
    }
    return log;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Whether it has but been begun, so that what is appended now would come first in a new one, too. */
  get isEmpty(): boolean {
    return this.#position === BEGIN_BYTES && !this.#isTorn;
  }

  /** The size of all logs that no snapshot covers. */
  get bytes(): number {
    return this.#olderBytes + this.#position;
  }

  /** The same without the log that is written to. */
  get olderBytes(): number {
    return this.#olderBytes;
  }

  /** So many of {@link olderBytes} are covered by a snapshot now. */
  isCovered(bytes: number): void {
    this.#olderBytes -= bytes;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  /**
   * Appends records, of which the last has the number `sequence`. If that fails, none of them counts.
   *
   * @param willTryAgain Whether the same records, with the same numbers, are to be appended later.
   */
  async append(records: Buffer, sequence: number, willTryAgain = false): Promise<void> {
    this.#assertOpen();
    this.#options.lock.assertHeldLately(); // another owner may be writing to the same place of the same file
    await this.#mend();
    if (!willTryAgain) this.#highestSequence = sequence;
    try {
      await this.#write(records);
    } catch (error) {
      this.#isTorn = true;
      if (this.#isHeld()) await this.#mend().catch(() => undefined); // or before the next records
      throw error;
    }
    this.#options.lock.assertHeld(this.#file); // what was written to a file that nobody finds is not written
    this.#position += records.length;
    this.#lastSequence = sequence;
    this.#highestSequence = sequence;
  }

  /** Begins a new log, to which all that follows is written. If that fails, the old one goes on. */
  async rotate(): Promise<void> {
    this.#assertOpen();
    this.#options.lock.assertHeld();
    const { files, mark } = this.#options;
    const generation = this.#generation + 1;
    const { O_RDWR, O_CREAT, O_TRUNC } = constants;
    const path = this.#path(generation);
    const file = await files.open(path, O_RDWR | O_CREAT | O_TRUNC | this.#flags(), 0o600);
    const begin = beginRecord(mark, this.#highestSequence, this.#lastSequence);
    try {
      await writeAll(files, file, begin, 0);
    } catch (error) {
      await files.close(file);
      await removeFile(files, path).catch(() => undefined); // without records it says nothing
      throw error;
    }
    const old = this.#file;
    this.#file = file;
    this.#generation = generation;
    this.#olderBytes += this.#position;
    this.#position = begin.length;
    this.#filled = begin.length;
    this.#isTorn = false;
    this.#isNameLost = true;
    if (old !== -1) await files.close(old).catch(() => undefined); // of what is flushed, nothing can be lost
    await this.#mend();
  }

  async sync(): Promise<void> {
    await this.#options.files.datasync(this.#file);
  }

  /** Cuts off the zeros, and closes the file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const file = this.#file;
    this.#file = -1;
    if (file === -1) return;
    try {
      if (this.#filled > this.#position && this.#isHeld()) {
        await this.#options.files.truncate(file, this.#position);
      }
    } finally {
      await this.#options.files.close(file);
    }
  }

  /**
   * Where the file has to grow, it is filled with zeros as well: to flush a write that makes a file longer takes the
   * system about twice as long as one into what is there.
   */
  async #write(records: Buffer): Promise<void> {
    const { files, isFlushed } = this.#options;
    const end = this.#position + records.length;
    if (isFlushed && end > this.#filled) {
      try {
        await writeAll(files, this.#file, Buffer.concat([records, ZEROS]), this.#position);
        this.#filled = end + ZEROS.length;
        return;
      } catch (error) {
        if (!isNoSpace(error)) throw error;
        await files.truncate(this.#file, this.#position); // without the zeros, it may fit
        this.#filled = this.#position;
      }
    }
    await writeAll(files, this.#file, records, this.#position);
    this.#filled = Math.max(this.#filled, end);
  }

  /** Whether the file is this store's to change. */
  #isHeld(): boolean {
    try {
      this.#options.lock.assertHeld();
      return true;
    } catch {
      return false;
    }
  }

  /** Makes sure that what is appended counts, and lasts. */
  async #mend(): Promise<void> {
    const { files, directory, isFlushed } = this.#options;
    if (this.#isTorn) {
      try {
        await files.truncate(this.#file, this.#position);
        this.#filled = this.#position;
        if (isFlushed) await files.datasync(this.#file); // or a power failure brings back what was refused
        this.#isTorn = false;
      } catch {
        await this.rotate();
      }
    }
    if (this.#isNameLost && isFlushed) await syncDirectory(files, directory);
    this.#isNameLost = false;
  }

  /** Who has closed it has given the directory back: a new log would take the place of another owner's. */
  #assertOpen(): void {
    if (this.#isClosed) throw new StoreError("CLOSED", "hybridstore: the log has been closed");
  }

  /** With O_DSYNC, to write and to flush is one call, and one trip to the thread pool. */
  #flags(): number {
    return this.#options.isFlushed ? (constants.O_DSYNC ?? constants.O_SYNC ?? 0) : 0;
  }

  #path(generation: number): string {
    const { directory, mark } = this.#options;
    return pathOf(directory, { kind: "log", generation, mark });
  }
}
