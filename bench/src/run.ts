import type { Outcome } from "./cell.js";
import type { CellsMessage, CellsRequest } from "./cells-child.js";
import { runInChild } from "./child.js";
import { Contenders, type Family, type Member } from "./families.js";
import { REMOVING, type Task } from "./operation.js";
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

/** A process has this time for itself and for each of its tasks, and for each thousand sessions: then it hangs. */
const LIMIT_MS = { start: 60_000, task: 20_000, thousand: 2_000 };

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
    const { families, modules, sizes, rounds } = this.#options;
    const result: RunResult = { contenders: {}, cells: [], skipped: [] };
    const contenders = await Contenders.load(modules);
    const plan = [];
    for (const family of families) {
      const members: Member[] = [];
      for (const member of contenders.members(family))
        if (await this.#isMeasured(member, result)) members.push(member);
      plan.push({ store: family.store, members, phases: this.#phases(members) });
    }
    const steps = plan.map(
      ({ members, phases }) =>
        phases.length * sizes.length * (members.length * rounds + members.filter(isCounted).length),
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
    const { only } = this.#options;
    if (only !== undefined && !only.includes(kind.name)) return false;
    const reason =
      kind.isMissing?.() ??
      (kind.server === undefined ? undefined : await this.#site.servers.whyNot(kind.server));
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
        this.#site.progress.step(`${store}: ${member.kind.name}`);
        const outcomes = await this.#measureOne(member, tasks, size);
        for (const [index, row] of (rows[position] ?? []).entries())
          row.rounds.push(outcomes[index] as Outcome);
      }
    }
    for (const [position, member] of members.entries()) {
      if (!isCounted(member)) continue;
      this.#site.progress.step(`${store}: statements of ${member.kind.name}`);
      const outcomes = await this.#measureOne(member, tasks, size, true);
      for (const [index, row] of (rows[position] ?? []).entries()) {
        const outcome = outcomes[index];
        if (outcome !== undefined && "statements" in outcome) row.statements = outcome.statements;
      }
    }
    return rows.flat();
  }

  async #measureOne(
    { kind }: Member,
    tasks: readonly Task[],
    size: number,
    isCounting = false,
  ): Promise<Outcome[]> {
    const { modules, sessions, measureMs, nodeOptions } = this.#options;
    const outcomes: Outcome[] = [];
    let failure = "its process ended before its result";
    try {
      const server =
        kind.server === undefined
          ? undefined
          : await this.#site.servers.get(kind.server, isCounting ? { settings: COUNTING } : {});
      const request: CellsRequest = {
        contender: kind.name,
        modules,
        tasks,
        sessions,
        size,
        measureMs: isCounting ? Math.min(measureMs, COUNTED_MS) : measureMs,
        run: this.#site.directory,
        ...(server !== undefined && { server: { url: server.url, pid: server.pid, isCounting } }),
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
}

/** A program of the server's own makes one statement of each call. */
function isCounted({ kind }: Member): boolean {
  return kind.server === "postgres" && kind.takes !== "nothing";
}

function factsOf({ kind, role }: Member): [string, ContenderFacts] {
  const { name, takes, durability, note } = kind;
  const version = kind.package === undefined ? undefined : versionOf(kind.package);
  const facts: ContenderFacts = { role, takes, durability };
  if (version !== undefined) facts.version = `${kind.package} ${version}`;
  if (note !== undefined) facts.note = note;
  return [name, facts];
}
