import { constants } from "node:fs";
import { StoreError } from "@scs/core";
import type { DirectoryLock } from "../lock/directory-lock.js";
import { isNoSpace } from "./errors.js";
import { pathOf } from "./file-names.js";
import { type Files, removeFile, syncDirectory, writeAll } from "./files.js";
import { BEGIN_BYTES, beginRecord } from "./record.js";

/** The end of a log. */
export interface LogEnd {
  generation: number;
  /** Size of its records in bytes; `undefined` if there is no such file yet. */
  position: number | undefined;
  /** Size of the file, including zeros at its end. */
  size: number;
  /** Size of the older logs that no snapshot covers. */
  olderBytes: number;
  /** Sequence number of the last valid record. */
  lastSequence: number;
}

/** Zeros written ahead: room for a few thousand small records, written in a millisecond or two. */
const ZEROS: Buffer = Buffer.alloc(1_048_576);

export interface LogOptions {
  directory: string;
  mark: number;
  files: Files;
  /** Whether each append must survive a power failure. */
  isFlushed: boolean;
  /** Ownership of the directory. */
  lock: Pick<DirectoryLock, "assertHeld" | "assertHeldLately">;
}

/**
 * The log that the store appends to. Before it appends anything after a failed write, it truncates the failed part, or
 * starts a new file. Writes name their positions, so that none lands behind a failed part.
 */
export class Log {
  readonly #options: LogOptions;
  #file = -1;
  #generation: number;
  #position = 0;
  /** Position up to which the file is written, with records or zeros. */
  #filled = 0;
  #olderBytes: number;
  #lastSequence: number;
  /** Highest sequence number so far, including failed records. */
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

  /** Opens the log at its end, or creates it. */
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
      log.#isNameLost = true; // its creator may have died before the name was on disk
    }
    return log;
  }

  get generation(): number {
    return this.#generation;
  }

  /** Whether each append survives a power failure. */
  get isFlushed(): boolean {
    return this.#options.isFlushed;
  }

  /** Whether it contains no record beyond its first. */
  get isEmpty(): boolean {
    return this.#position === BEGIN_BYTES && !this.#isTorn;
  }

  /** Size of all logs that no snapshot covers. */
  get bytes(): number {
    return this.#olderBytes + this.#position;
  }

  /** Size of all logs that no snapshot covers, without the current one. */
  get olderBytes(): number {
    return this.#olderBytes;
  }

  /** Subtracts bytes from {@link olderBytes} that a snapshot covers now. */
  isCovered(bytes: number): void {
    this.#olderBytes -= bytes;
  }

  get lastSequence(): number {
    return this.#lastSequence;
  }

  /**
   * Appends records, of which the last has the number `sequence`. After a failure, none of them is valid.
   *
   * @param willTryAgain Whether the caller retries with the same records and numbers.
   */
  async append(records: Buffer, sequence: number, willTryAgain = false): Promise<void> {
    this.#assertOpen();
    this.#options.lock.assertHeldLately(); // another owner may write to the same place of the same file
    await this.#mend();
    if (!willTryAgain) this.#highestSequence = sequence;
    try {
      await this.#write(records);
    } catch (error) {
      this.#isTorn = true;
      if (this.#isHeld()) await this.#mend().catch(() => undefined); // if this fails, the next append repeats it
      throw error;
    }
    this.#options.lock.assertHeld(this.#file); // a write to a removed file is no write
    this.#position += records.length;
    this.#lastSequence = sequence;
    this.#highestSequence = sequence;
  }

  /** Starts a new log for all further records. If that fails, continues the old one. */
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
      await removeFile(files, path).catch(() => undefined); // it contains no records
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
    if (old !== -1) await files.close(old).catch(() => undefined); // flushed data cannot be lost
    await this.#mend();
  }

  async sync(): Promise<void> {
    await this.#options.files.datasync(this.#file);
  }

  /** Truncates the zeros, and closes the file. */
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
   * Writes zeros beyond the records where the file has to grow: flushing a write that extends a file takes about twice as
   * long as one within it.
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
        await files.truncate(this.#file, this.#position); // it may fit without the zeros
        this.#filled = this.#position;
      }
    }
    await writeAll(files, this.#file, records, this.#position);
    this.#filled = Math.max(this.#filled, end);
  }

  /** Returns whether the store may change the file. */
  #isHeld(): boolean {
    try {
      this.#options.lock.assertHeld();
      return true;
    } catch {
      return false;
    }
  }

  /** Repairs the log after a failure, so that the next records are valid and durable. */
  async #mend(): Promise<void> {
    const { files, directory, isFlushed } = this.#options;
    if (this.#isTorn) {
      try {
        await files.truncate(this.#file, this.#position);
        this.#filled = this.#position;
        if (isFlushed) await files.datasync(this.#file); // a power failure must not bring back failed records
        this.#isTorn = false;
      } catch {
        await this.rotate();
      }
    }
    if (this.#isNameLost && isFlushed) await syncDirectory(files, directory);
    this.#isNameLost = false;
  }

  /** Fails after close: the directory is released, and a new log could replace another owner's. */
  #assertOpen(): void {
    if (this.#isClosed) throw new StoreError("CLOSED", "hybridstore: the log has been closed");
  }

  /** Returns the flags for opening a log. With O_DSYNC, writing and flushing is one call, and one trip to the thread pool. */
  #flags(): number {
    return this.#options.isFlushed ? (constants.O_DSYNC ?? constants.O_SYNC ?? 0) : 0;
  }

  #path(generation: number): string {
    const { directory, mark } = this.#options;
    return pathOf(directory, { kind: "log", generation, mark });
  }
}
