import type { Outcome } from "./cell.js";
import type { CellsAnswer, CellsCommand, CellsRequest } from "./cells-child.js";
import { Answering } from "./child.js";
import type { Task } from "./operation.js";

/**
 * The process has this time to start and for each task, for each thousand sessions, which are written one by one on a
 * slow disk, and so many times what is measured: then it hangs.
 */
const LIMIT_MS = { task: 60_000, thousand: 20_000, measured: 20 };

export interface CellsProcessOptions {
  sessions: number;
  measureMs: number;
  nodeOptions?: readonly string[];
}

/** One contender in a process of its own, which is started when it is first needed, and again in a round after its end. */
export class CellsProcess {
  readonly #prepare: () => Promise<CellsRequest>;
  readonly #options: CellsProcessOptions;
  #process: Answering<CellsCommand, CellsAnswer> | undefined;
  /** Why the process has ended, or was never there, in this round. */
  #failure: { failure: string } | undefined;

  /** @param prepare gives the request when the process is started: a server that it needs may have to be started first */
  constructor(prepare: () => Promise<CellsRequest>, options: CellsProcessOptions) {
    this.#prepare = prepare;
    this.#options = options;
  }

  async measure(task: Task): Promise<Outcome> {
    const { outcome } = await this.#ask({ task });
    return outcome as Outcome;
  }

  /** Gives nothing, or what was wrong in the end. */
  async endRound(): Promise<Outcome | undefined> {
    const failed = this.#failure;
    this.#failure = undefined;
    if (failed !== undefined) return failed; // what the tasks before its end have left cannot be read back
    if (this.#process === undefined) return undefined;
    const { outcome } = await this.#ask({ isRoundOver: true });
    this.#failure = undefined;
    return outcome;
  }

  /** Gives why it did not end well, if so. */
  async end(): Promise<Outcome | undefined> {
    const failure = await this.#process?.end(LIMIT_MS.task);
    this.#process = undefined;
    return failure === undefined ? undefined : { failure };
  }

  async #ask(command: CellsCommand): Promise<CellsAnswer> {
    if (this.#failure !== undefined) return { outcome: this.#failure };
    const { sessions, measureMs, nodeOptions } = this.#options;
    const { task, thousand, measured } = LIMIT_MS;
    try {
      this.#process ??= new Answering("./cells-child.js", await this.#prepare(), nodeOptions);
      return await this.#process.ask(command, task + (sessions / 1000) * thousand + measureMs * measured);
    } catch (error) {
      this.#process = undefined;
      this.#failure = { failure: error instanceof Error ? error.message : String(error) };
      return { outcome: this.#failure };
    }
  }
}
