import type { Outcome } from "./cell.js";
import type { CellsMessage, CellsRequest } from "./cells-child.js";
import { runInChild } from "./child.js";
import type { ServerName } from "./contender.js";
import { Contenders, type Family, type Member } from "./families.js";
import { REMOVING, type Task } from "./operation.js";
import { versionOf } from "./packages.js";
import type { CellRow, ContenderFacts } from "./results.js";
import { type RunningServer, servers } from "./servers.js";

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

/** What a run tells while it goes on. */
export interface Progress {
  /** How many steps there will be: one for each contender, size, phase and round. */
  start(steps: number): void;
  step(what: string): void;
}

export interface RunResult {
  contenders: Record<string, Record<string, ContenderFacts>>;
  cells: CellRow[];
  versions: Record<string, string>;
  skipped: string[];
}

/** A process has this time for itself and for each of its tasks, and for each thousand sessions: then it hangs. */
const LIMIT_MS = { start: 60_000, task: 20_000, thousand: 2_000 };

/** Measures families one after the other; in each, the contenders in turn, round by round. */
export class Run {
  readonly #options: RunOptions;
  readonly #directory: string;
  readonly #progress: Progress;
  readonly #servers = new Map<ServerName, RunningServer>();

  constructor(options: RunOptions, directory: string, progress: Progress) {
    this.#options = options;
    this.#directory = directory;
    this.#progress = progress;
  }

  async measure(): Promise<RunResult> {
    const { families, modules, sizes, rounds } = this.#options;
    const result: RunResult = { contenders: {}, cells: [], versions: {}, skipped: [] };
    const contenders = await Contenders.load(modules);
    const plan = families.map((family) => {
      const members = contenders.members(family).filter((member) => this.#isMeasured(member, result));
      return { store: family.store, members, phases: this.#phases(members) };
    });
    const steps = plan.map(({ members, phases }) => members.length * phases.length * sizes.length * rounds);
    this.#progress.start(steps.reduce((sum, each) => sum + each, 0));
    try {
      for (const { store, members, phases } of plan) {
        result.contenders[store] = Object.fromEntries(members.map(factsOf));
        for (const phase of phases) {
          for (const size of sizes)
            result.cells.push(...(await this.#measurePhase(store, members, phase, size)));
        }
      }
      for (const [name, { version }] of this.#servers) result.versions[name] = version;
    } finally {
      for (const server of this.#servers.values()) await server.close();
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

  #isMeasured({ kind }: Member, { skipped }: RunResult): boolean {
    const { only } = this.#options;
    if (only !== undefined && !only.includes(kind.name)) return false;
    const reason = kind.isMissing?.();
    if (reason === undefined) return true;
    const line = `${kind.name}: ${reason}`;
    if (!skipped.includes(line)) skipped.push(line);
    return false;
  }

  /** Round after round, all contenders in each, so that noise of the machine meets all of them. */
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
    for (let round = 0; round < rounds; round++) {
      for (const [position, member] of members.entries()) {
        this.#progress.step(`${store}: ${member.kind.name}`);
        const outcomes = await this.#measureOne(member, tasks, size);
        for (const [index, row] of (rows[position] ?? []).entries())
          row.rounds.push(outcomes[index] as Outcome);
      }
    }
    return rows.flat();
  }

  async #measureOne({ kind }: Member, tasks: readonly Task[], size: number): Promise<Outcome[]> {
    const { modules, sessions, measureMs, nodeOptions } = this.#options;
    const outcomes: Outcome[] = [];
    let failure = "its process ended before its result";
    try {
      const server = kind.server === undefined ? undefined : await this.#server(kind.server);
      const request: CellsRequest = {
        contender: kind.name,
        modules,
        tasks,
        sessions,
        size,
        measureMs,
        run: this.#directory,
        ...(server !== undefined && { server: { url: server.url, pid: server.pid } }),
      };
      await runInChild<CellsMessage>("./cells-child.js", request, {
        onMessage: ({ outcome }) => outcomes.push(outcome),
        limitMs: LIMIT_MS.start + tasks.length * LIMIT_MS.task + (sessions / 1000) * LIMIT_MS.thousand,
        ...(nodeOptions !== undefined && { nodeOptions }),
      });
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
    }
    // One message more than there are tasks: what it held in the end was wrong, and any of them may have done it.
    const last = outcomes[tasks.length];
    return tasks.map((_, index) => {
      const outcome = outcomes[index] ?? { failure };
      return last !== undefined && "perSecond" in outcome ? last : outcome;
    });
  }

  async #server(name: ServerName): Promise<RunningServer> {
    let server = this.#servers.get(name);
    if (server === undefined) {
      server = await servers[name](this.#directory);
      this.#servers.set(name, server);
    }
    return server;
  }
}

function factsOf({ kind, role }: Member): [string, ContenderFacts] {
  const { name, takes, durability, note } = kind;
  const version = kind.package === undefined ? undefined : versionOf(kind.package);
  const facts: ContenderFacts = { role, takes, durability };
  if (version !== undefined) facts.version = `${kind.package} ${version}`;
  if (note !== undefined) facts.note = note;
  return [name, facts];
}
