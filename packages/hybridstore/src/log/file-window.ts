import { constants } from "node:fs";
import type { Files } from "./files.js";

/** Number of bytes read at a time. */
const STEP_BYTES = 1_048_576;

/** A part of a file in memory, which moves forward through the file. */
export class FileWindow {
  readonly #files: Files;
  readonly #file: number;
  readonly size: number;
  /** Position of the window in the file. */
  start = 0;
  bytes: Buffer = Buffer.alloc(0);

  private constructor(files: Files, file: number, size: number) {
    this.#files = files;
    this.#file = file;
    this.size = size;
  }

  /** Opens a file, runs `read`, and closes the file. */
  static async over<T>(files: Files, path: string, read: (window: FileWindow) => Promise<T>): Promise<T> {
    const file = await files.open(path, constants.O_RDONLY);
    try {
      return await read(new FileWindow(files, file, await files.size(file)));
    } finally {
      await files.close(file);
    }
  }

  /** Returns whether the window contains `length` bytes from `position` on, or all up to the end of the file. */
  has(position: number, length: number): boolean {
    return position >= this.start && Math.min(position + length, this.size) <= this.start + this.bytes.length;
  }

  /** Loads them. Keeps changes made in the window from `position` on. */
  async load(position: number, length: number): Promise<void> {
    const wanted = Math.min(Math.max(length, STEP_BYTES), this.size - position);
    const offset = position - this.start;
    const kept = offset < 0 ? Buffer.alloc(0) : this.bytes.subarray(offset);
    const bytes = Buffer.allocUnsafeSlow(Math.max(wanted, kept.length));
    let filled = kept.copy(bytes);
    while (filled < bytes.length) {
      const rest = bytes.length - filled;
      const { bytesRead } = await this.#files.read(this.#file, bytes, filled, rest, position + filled);
      if (bytesRead === 0) break; // the file was truncated meanwhile
      filled += bytesRead;
    }
    this.start = position;
    this.bytes = bytes.subarray(0, filled);
  }

  /** Returns whether the file contains only zeros from `position` on. */
  async isZeroFrom(position: number): Promise<boolean> {
    for (let next = position; next < this.size; next = this.start + this.bytes.length) {
      if (!this.has(next, 1)) await this.load(next, 1);
      for (let offset = next - this.start; offset < this.bytes.length; offset++) {
        if (this.bytes[offset] !== 0) return false;
      }
    }
    return true;
  }
}
