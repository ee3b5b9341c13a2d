import type { Outcome } from "./cell.js";
import type { CellsRequest } from "./cells-child.js";
import { CellsProcess } from "./cells-process.js";
import type { ContenderKind } from "./contender.js";
import { Contenders, type Family, type Member } from "./families.js";
import { namesIn } from "./names.js";
import { REMOVING, type Task, turnsOf } from "./operation.js";
import { versionOf } from "./packages.js";
import type { CellRow, ContenderFacts } from "./results.js";
import type { Site } from "./site.js";
import { COUNTING } from "./statement-count.js";

export interface RunOptions {
  families: readonly Family[];
  /** Modules with contenders that are none of ours. */
  modules: readonly string[];
  tasks: readonly Task[];
  sizes: readonly number[];
  sessions: number;
  rounds: number;
  measureMs: number;
  /** Only contenders of these names, if there are any. */
  only?: readonly string[] | undefined;
  nodeOptions?: readonly string[];
  /** Whether the figures do not count, and the time that it takes does. */
  isQuick: boolean;
}

export interface RunResult {
  contenders: Record<string, Record<string, ContenderFacts>>;
  cells: CellRow[];
  skipped: string[];
}

/**
 * An operation has run for so long before it is measured for the first time, which is what the engine needs to compile
 * what calls it; and for so long in later rounds.
 */
const WARM_UP_MS = { first: 300, again: 60 };

/** Statements are counted for so long at most: there is no spread in what a call asks for. */
const COUNTED_MS = 50;

/** Measures families one after the other; in each, the contenders in turn, round by round. */
export class Run {
  readonly #options: RunOptions;
  readonly #site: Site;

  constructor(options: RunOptions, site: Site) {
    this.#options = options;
    this.#site = site;
  }

  async measure(): Promise<RunResult> {
    const { families, modules, sizes, rounds, tasks } = this.#options;
    const result: RunResult = { contenders: {}, cells: [], skipped: [] };
    const contenders = await Contenders.load(modules);
    const names = families.flatMap((family) => contenders.members(family).map(({ kind }) => kind.name));
    const only =
      this.#options.only === undefined ? undefined : namesIn("contender", this.#options.only, names);
    const plan = [];
    for (const family of families) {
      const members: Member[] = [];
      for (const member of contenders.members(family)) {
        if (only?.includes(member.kind.name) === false) continue;
        if (await this.#isMeasured(member, result)) members.push(member);
      }
      plan.push({ store: family.store, members, phases: this.#phases(members) });
    }
    const steps = plan.map(
      ({ members, phases }) =>
        sizes.length *
        (rounds * tasks.length + phases.length * members.filter(({ kind }) => isCounted(kind)).length),
    );
    this.#site.progress.start(steps.reduce((sum, each) => sum + each, 0));
    for (const { store, members, phases } of plan) {
      result.contenders[store] = Object.fromEntries(members.map(factsOf));
      for (const phase of phases) {
        for (const size of sizes)
          result.cells.push(...(await this.#measurePhase(store, members, phase, size)));
      }
    }
    return result;
  }

  #phases(members: readonly Member[]): Task[][] {
    const { tasks, isQuick } = this.#options;
    // First those that begin with nothing, so that nothing has to be removed for them; last those that remove.
    const ranks = tasks.map((task) => {
      const rank = REMOVING.includes(task.operation) ? 2 : task.operation === "insert" ? 0 : 1;
      return { task, rank };
    });
    ranks.sort((a, b) => a.rank - b.rank);
    const parts = [false, true].map((removes) =>
      ranks.filter(({ rank }) => (rank === 2) === removes).map(({ task }) => task),
    );
    const isSplit = !isQuick && members.some(({ kind }) => kind.keepsFiles);
    return (isSplit ? parts : [parts.flat()]).filter((part) => part.length > 0);
  }

  async #isMeasured({ kind }: Member, { skipped }: RunResult): Promise<boolean> {
    const reason =
      kind.isMissing?.() ??
      (kind.server === undefined ? undefined : await this.#site.servers.whyNot(kind.server));
    if (reason === undefined) return true;
    const line = `${kind.name}: ${reason}`;
    if (!skipped.includes(line)) skipped.push(line);
    return false;
  }

  /**
   * Round after round, task after task, all contenders in turn, so that noise of the machine meets all of them. Each has
   * a process of its own for all rounds, since code that has just been compiled is no measure of a server that runs for
   * weeks; but in each round it begins with an empty directory and an empty database.
   */
  async #measurePhase(
    store: string,
    members: readonly Member[],
    tasks: readonly Task[],
    size: number,
  ): Promise<CellRow[]> {
    const { sessions, rounds } = this.#options;
    const rows = members.map(({ kind }) =>
      tasks.map((task): CellRow => ({ store, contender: kind.name, ...task, sessions, size, rounds: [] })),
    );
    const processes = members.map(({ kind }) => this.#process(kind, size));
    for (let round = 0; round < rounds; round++) {
      for (const [index, task] of tasks.entries()) {
        this.#site.progress.step(
          `${store}: ${task.operation}, ${task.inFlight} in flight, round ${round + 1}`,
        );
        for (const position of turnsOf(processes.length, round))
          rows[position]?.[index]?.rounds.push(await (processes[position] as CellsProcess).measure(task));
      }
      for (const [position, process] of processes.entries()) {
        const failure = await process.endRound();
        // Any of the tasks may have done it.
        for (const row of rows[position] ?? []) spoil(row, round, failure);
      }
    }
    for (const [position, process] of processes.entries()) {
      const failure = await process.end();
      for (const row of rows[position] ?? [])
        for (const round of row.rounds.keys()) spoil(row, round, failure);
    }
    for (const [position, { kind }] of members.entries()) {
      if (!isCounted(kind)) continue;
      this.#site.progress.step(`${store}: statements of ${kind.name}`);
      const process = this.#process(kind, size, true);
      for (const [index, task] of tasks.entries()) {
        const outcome = await process.measure(task);
        const row = rows[position]?.[index];
        if (row !== undefined && "statements" in outcome) row.statements = outcome.statements;
        // A contender that fails here has failed: the pass is the same but for the counting.
        if (row !== undefined && "failure" in outcome) row.rounds[0] = outcome;
      }
      const [inRound, inEnd] = [await process.endRound(), await process.end()];
      const failure = inRound ?? inEnd;
      for (const row of rows[position] ?? []) spoil(row, 0, failure);
    }
    return rows.flat();
  }

  #process(kind: ContenderKind, size: number, isCounting = false): CellsProcess {
    const { modules, sessions, measureMs, nodeOptions, isQuick } = this.#options;
    const isBrief = isQuick || isCounting;
    const brief = Math.min(measureMs, COUNTED_MS);
    const request: CellsRequest = {
      contender: kind.name,
      modules,
      sessions,
      size,
      measureMs: isCounting ? brief : measureMs,
      warmUpMs: isBrief ? { first: brief, again: brief } : WARM_UP_MS,
      run: this.#site.directory,
    };
    return new CellsProcess(
      async () => {
        if (kind.server === undefined) return request;
        const { url, pid } = await this.#site.servers.get(
          kind.server,
          isCounting ? { settings: COUNTING } : {},
        );
        return { ...request, server: { url, pid, isCounting } };
      },
      { sessions, measureMs, ...(nodeOptions !== undefined && { nodeOptions }) },
    );
  }
}

/** Puts a failure in the place of figures. */
function spoil(row: CellRow, round: number, failure: Outcome | undefined): void {
  if (failure !== undefined && "perSecond" in (row.rounds[round] ?? {})) row.rounds[round] = failure;
}

/** A program of the server's own makes one statement of each call. */
function isCounted({ server, takes }: ContenderKind): boolean {
  return server === "postgres" && takes !== "nothing";
}

function factsOf({ kind, role }: Member): [string, ContenderFacts] {
  const { name, takes, durability, note } = kind;
  const version = kind.package === undefined ? undefined : versionOf(kind.package);
  const facts: ContenderFacts = { role, takes, durability };
  if (version !== undefined) facts.version = `${kind.package} ${version}`;
  if (note !== undefined) facts.note = note;
  return [name, facts];
}
