import { EventEmitter } from "node:events";
import { messageOf } from "../doctor/writes.js";
import type { Target } from "../stores/target.js";
import { SessionIndex } from "./session-index.js";

/** The totals that the page shows. */
export interface Summary {
  store: string;
  sessions: number;
  owners: number;
  bytes: number;
  /** Time at which the last scan ended, in ms since the epoch; 0 before the first end. */
  asOf: number;
  /** Number of sessions that the running scan has read; `undefined` between scans. */
  scanned: number | undefined;
  error: string | undefined;
}

/** Number of sessions between two progress reports of a scan. */
const REPORT_EACH = 5_000;
/** Maximum share of the time spent on scans. */
const SHARE = 0.1;

/** Reads all sessions into an index, repeatedly while somebody watches, and reports the totals. */
export class Scanner {
  readonly #changes: EventEmitter = new EventEmitter();
  readonly #target: Target;
  readonly #minPauseMs: number;
  index: SessionIndex = new SessionIndex();
  #asOf = 0;
  #scanned: number | undefined;
  #error: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Whether a scan is due, and nobody watches. */
  #isDue = false;
  #isClosed = false;
  /** Handles of sessions ended during a scan, which may have read them before. */
  #ended: Set<string> = new Set();

  constructor(target: Target, minPauseMs: number) {
    this.#target = target;
    this.#minPauseMs = minPauseMs;
    this.#changes.setMaxListeners(0);
  }

  get summary(): Summary {
    const { index } = this;
    return {
      ...{ store: this.#target.name, sessions: index.sessions, owners: index.owners.active },
      ...{ bytes: index.totalBytes, asOf: this.#asOf, scanned: this.#scanned, error: this.#error },
    };
  }

  /** Calls `listener` at each change of the summary, until the returned function is called. All watchers share the scans. */
  watch(listener: () => void): () => void {
    this.#changes.on("change", listener);
    if (this.#isDue) void this.scan();
    return () => this.#changes.off("change", listener);
  }

  /** Starts a scan, unless one is running. */
  async scan(): Promise<void> {
    if (this.#scanned !== undefined || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#isDue = false;
    const start = performance.now();
    try {
      await this.#scan();
      this.#error = undefined;
    } catch (error) {
      this.#error = messageOf(error);
    } finally {
      this.#scanned = undefined;
    }
    if (this.#isClosed) return;
    this.#tell();
    const pause = Math.max(this.#minPauseMs, (performance.now() - start) / SHARE);
    this.#timer = setTimeout(() => {
      this.#isDue = this.#changes.listenerCount("change") === 0;
      if (!this.#isDue) void this.scan();
    }, pause);
    this.#timer.unref();
  }

  async #scan(): Promise<void> {
    const index = new SessionIndex();
    this.#ended = new Set();
    this.#scanned = 0;
    this.#tell();
    for await (const session of this.#target.sessions.inspectAll()) {
      if (this.#isClosed) return;
      index.add(session);
      if (++this.#scanned % REPORT_EACH === 0) this.#tell();
    }
    if (this.#ended.size > 0) index.remove(this.#ended);
    this.index = index;
    this.#asOf = Date.now();
  }

  /** Removes sessions that the page has ended. */
  remove(handles: Iterable<string>): void {
    const ended = new Set(handles);
    for (const handle of ended) this.#ended.add(handle);
    this.index.remove(ended);
    this.#tell();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#changes.removeAllListeners();
  }

  #tell(): void {
    this.#changes.emit("change");
  }
}
