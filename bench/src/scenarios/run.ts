import { loadFamily } from "../contenders/families.js";
import type { ContenderKind, Family } from "../harness/contender.js";
import { describeMachine } from "../harness/machine.js";
import { versionOf } from "../harness/packages.js";
import type { Servers } from "../harness/servers.js";
import type { SiteRequest } from "../harness/site.js";
import { type Measured, StoreProcess } from "./contender-process.js";
import { type Extent, HttpProcess } from "./http-process.js";
import { isRequest, REMOVING, type Task, turnsOf } from "./operation.js";
import type { Outcome } from "./outcome.js";
import type { Cell, Facts, StoreResults } from "./results.js";

export interface RunOptions {
  tasks: readonly Task[];
  sizes: readonly number[];
  /** Whether the run only checks that everything works. */
  isQuick: boolean;
}

/** Durations of a run. During the warm-up, the engine compiles the code that calls the contender. */
interface Length {
  sessions: number;
  rounds: number;
  measureMs: number;
  warmUpMs: number;
  requests: Extent;
}

const FULL: Length = {
  ...{ sessions: 4_000, rounds: 3, measureMs: 150 },
  ...{ warmUpMs: 60, requests: { duration: 0.6 } },
};
const QUICK: Length = {
  ...{ sessions: 256, rounds: 1, measureMs: 10 },
  ...{ warmUpMs: 10, requests: { amount: 256 } },
};

/** Measures a store beside its contenders. */
export class Run {
  readonly #options: RunOptions;
  readonly #length: Length;
  readonly #directory: string;
  readonly #servers: Servers;
  readonly #onStep: (what: string) => void;

  /** @param directory the directory of the run, which the caller removes */
  constructor(
    options: RunOptions,
    directory: string,
    servers: Servers,
    onStep: (what: string) => void = () => undefined,
  ) {
    this.#options = options;
    const length = options.isQuick ? QUICK : FULL;
    // Each call in flight needs a session of its own.
    const most = Math.max(...options.tasks.map(({ inFlight }) => inFlight));
    this.#length = { ...length, sessions: Math.max(length.sessions, most) };
    this.#directory = directory;
    this.#servers = servers;
    this.#onStep = onStep;
  }

  /** @param module the address of the family's module */
  async measure(module: string): Promise<StoreResults> {
    const date = new Date().toISOString();
    const family = await loadFamily(module);
    const kinds: ContenderKind[] = [];
    const skipped: string[] = [];
    for (const kind of family.contenders) {
      const reason = kind.server && (await this.#servers.whyNot(kind.server));
      if (reason === undefined) kinds.push(kind);
      else skipped.push(`${kind.name}: ${reason}`);
    }
    const cells: Cell[] = [];
    for (const tasks of phasesOf(this.#options.tasks))
      for (const size of this.#options.sizes)
        cells.push(...(await this.#measurePhase(family, module, kinds, tasks, size)));
    return {
      date,
      machine: describeMachine(),
      versions: { node: process.versions.node, ...(await this.#servers.versions()) },
      sessions: this.#length.sessions,
      contenders: Object.fromEntries(kinds.map((kind) => [kind.name, factsOf(kind)])),
      cells,
      skipped,
    };
  }

  /**
   * Measures each task of each round on all contenders in turn, so that noise of the machine affects all of them. Each
   * contender has one process for all rounds, so that its code is compiled as in a long-running server. In each round,
   * a store begins with an empty directory and an empty database.
   */
  async #measurePhase(
    { store }: Family,
    module: string,
    kinds: readonly ContenderKind[],
    tasks: readonly Task[],
    size: number,
  ): Promise<Cell[]> {
    const processes = kinds.map((kind) => this.#start(module, kind, size));
    const cells = kinds.map(({ name }) =>
      tasks.map((task): Cell => ({ contender: name, ...task, size, rounds: [] })),
    );
    const { rounds } = this.#length;
    const isAbout = (cell: Cell, key: string) => (isRequest(cell.operation) ? "http" : "store") === key;
    for (let round = 0; round < rounds; round++) {
      for (const [index, task] of tasks.entries()) {
        this.#onStep(
          `${store}: ${task.operation}, ${task.inFlight} in flight, round ${round + 1} of ${rounds}`,
        );
        for (const position of turnsOf(kinds.length, round)) {
          const { http, store: operations } = processes[position] as Processes;
          const outcome = await (isRequest(task.operation) ? http : operations).measure(task);
          cells[position]?.[index]?.rounds.push(outcome);
        }
      }
      for (const [position, { store: operations }] of processes.entries()) {
        const failure = await operations.endRound();
        // Any task of the round may be the cause.
        for (const cell of cells[position] ?? []) if (isAbout(cell, "store")) spoil(cell, round, failure);
      }
    }
    for (const [position, each] of processes.entries()) {
      for (const [key, process] of Object.entries(each)) {
        const failure = await process.end();
        for (const cell of cells[position] ?? [])
          if (isAbout(cell, key)) for (const round of cell.rounds.keys()) spoil(cell, round, failure);
      }
    }
    return cells.flat();
  }

  #start(family: string, { name, server, openLayer }: ContenderKind, size: number): Processes {
    const { sessions, measureMs, warmUpMs, requests } = this.#length;
    const prepare = async () => {
      const site: SiteRequest = { run: this.#directory };
      if (server !== undefined) site.server = (await this.#servers.get(server)).url;
      return { family, contender: name, ...site };
    };
    const store = new StoreProcess(
      async () => ({ ...(await prepare()), sessions, size, measureMs, warmUpMs }),
      { sessions, measureMs },
    );
    return { store, http: openLayer === undefined ? absent : new HttpProcess(prepare, requests) };
  }
}

/** The processes of one contender. */
interface Processes {
  store: Measured;
  http: Measured;
}

/** A placeholder for contenders without an HTTP application. */
const absent: Measured = {
  measure: async () => ({ isAbsent: true }),
  endRound: async () => undefined,
  end: async () => undefined,
};

/** Splits tasks into phases: those that begin with an empty store come first, those that remove sessions last. */
function phasesOf(tasks: readonly Task[]): Task[][] {
  const inserting = tasks.filter(({ operation }) => operation === "insert");
  const removing = tasks.filter(({ operation }) => REMOVING.includes(operation));
  const others = tasks.filter((task) => !inserting.includes(task) && !removing.includes(task));
  return [[...inserting, ...others], removing].filter((phase) => phase.length > 0);
}

/** Replaces the figures of a round by a failure. */
function spoil(cell: Cell, round: number, failure: Outcome | undefined): void {
  if (failure !== undefined && "perSecond" in (cell.rounds[round] ?? {})) cell.rounds[round] = failure;
}

function factsOf({ role, takes, durability, note, package: from }: ContenderKind): Facts {
  const version = from === undefined ? undefined : versionOf(from);
  return {
    ...{ role, takes, durability },
    ...(version !== undefined && { version: `${from} ${version}` }),
    ...(note !== undefined && { note }),
  };
}
