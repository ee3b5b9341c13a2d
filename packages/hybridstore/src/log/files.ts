import * as fs from "node:fs";
import { dirname } from "node:path";
import { promisify } from "node:util";

/**
 * The functions of the file system that the store uses, so that a test can make each of them fail. Files are plain
 * descriptors: Node.js warns when it collects an open `FileHandle`, as of a store that the app has dropped.
 */
export interface Files {
  open(path: string, flags: number, mode?: number): Promise<number>;
  /** May write less than it is given, as the system call does. */
  write(
    file: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }>;
  read(
    file: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }>;
  size(file: number): Promise<number>;
  datasync(file: number): Promise<void>;
  truncate(file: number, length: number): Promise<void>;
  close(file: number): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Sets the modification time of a file to now. */
  touch(path: string): Promise<void>;
  /** Returns the modification time of a file, in ms since the epoch. */
  touchedAt(path: string): Promise<number>;
  list(directory: string): Promise<string[]>;
  /** Creates a directory and its parents; returns the first one created. */
  makeDirectory(path: string): Promise<string | undefined>;
}

const fstat = promisify(fs.fstat);
const mkdir = promisify(fs.mkdir);
const readdir = promisify(fs.readdir);
const stat = promisify(fs.stat);
const utimes = promisify(fs.utimes);

export const systemFiles: Files = {
  open: promisify(fs.open),
  write: promisify(fs.write),
  read: promisify(fs.read),
  size: async (file) => (await fstat(file)).size,
  datasync: promisify(fs.fdatasync),
  truncate: promisify(fs.ftruncate),
  close: promisify(fs.close),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  touch: (path) => utimes(path, new Date(), new Date()),
  touchedAt: async (path) => (await stat(path)).mtimeMs,
  list: (directory) => readdir(directory),
  makeDirectory: (path) => mkdir(path, { recursive: true, mode: 0o700 }),
};

/** Writes all of the bytes, in as many calls as it takes. */
export async function writeAll(
  files: Files,
  file: number,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written;
    const { bytesWritten } = await files.write(file, bytes, written, rest, position + written);
    if (bytesWritten === 0) throw new Error("the system has written nothing, and says no reason");
    written += bytesWritten;
  }
}

/** Makes changes of the names in a directory survive a power failure. */
export async function syncDirectory(files: Files, path: string): Promise<void> {
  if (process.platform === "win32") return; // directories cannot be opened there
  const directory = await files.open(path, fs.constants.O_RDONLY);
  try {
    await files.datasync(directory);
  } finally {
    await files.close(directory);
  }
}

/** Creates a directory and its parents, so that they survive a power failure. */
export async function makeDirectory(files: Files, path: string): Promise<void> {
  const first = await files.makeDirectory(path);
  if (first === undefined) {
    // Its creator may have died before the name was on disk. The parent may be unreadable.
    await syncDirectory(files, dirname(path)).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "EACCES" && error.code !== "EPERM") throw error;
    });
    return;
  }
  for (let made = path; made.length >= first.length; made = dirname(made))
    await syncDirectory(files, dirname(made));
}

/** Removes a file if it exists. */
export async function removeFile(files: Files, path: string): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
